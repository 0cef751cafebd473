// Deliberate mistakes, one per sanitizer: what finds nothing here would find nothing anywhere.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace {

volatile int counter = 0;

// Two single increments that meet at the same moment can go unseen: ThreadSanitizer's own record of them is racy.
void count() {
  for (int i = 0; i < 10'000; i++) counter = counter + 1;
}

void* volatile kept = nullptr;

}  // namespace

extern "C" __attribute__((visibility("default"))) int make_mistake(const char* which) {
  if (strcmp(which, "overflow") == 0) {
    kept = malloc(8);
    volatile size_t too_many = 9;
    memset(kept, 1, too_many);
    free(kept);
  } else if (strcmp(which, "undefined") == 0) {
    volatile int largest = 0x7fffffff;
    largest = largest + 1;
  } else if (strcmp(which, "leak") == 0) {
    kept = malloc(100);
    kept = nullptr;
  } else if (strcmp(which, "race") == 0) {
    std::thread other(count);
    count();
    other.join();
  } else {
    return 2;
  }
  return 0;
}
