#include "check.h"

// Arguments: names of tests that are left out.
int main(int argc, char** argv) { return check::run_all_but(argc - 1, argv + 1); }
