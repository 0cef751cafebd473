extern "C" int make_mistake(const char* which);

int main(int, char** arguments) { return make_mistake(arguments[1]); }
