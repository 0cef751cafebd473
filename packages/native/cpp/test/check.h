// Assertions, and a list of tests that runs them.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace check {

struct Test {
  const char* name;
  void (*body)();
};

inline std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

inline int& failures_in_test() {
  static int count = 0;
  return count;
}

struct Registered {
  Registered(const char* name, void (*body)()) { tests().push_back({name, body}); }
};

inline void report(bool passed, const char* expression, const char* file, int line) {
  if (passed) return;
  failures_in_test()++;
  fprintf(stderr, "  %s:%d: not so: %s\n", file, line, expression);
}

inline int run_all() {
  int passed = 0;
  int failed = 0;
  for (const Test& test : tests()) {
    failures_in_test() = 0;
    test.body();
    if (failures_in_test() == 0) {
      passed++;
    } else {
      failed++;
    }
    printf("%s %s\n", failures_in_test() == 0 ? "ok  " : "FAIL", test.name);
    fflush(stdout);
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace check

#define TEST(identifier, name)                                          \
  static void identifier();                                             \
  static const check::Registered registered_##identifier(name, identifier); \
  static void identifier()

#define CHECK(expression) check::report((expression), #expression, __FILE__, __LINE__)
// For what the rest of the test cannot do without.
#define REQUIRE(expression)                                          \
  do {                                                               \
    const bool held = (expression);                                  \
    check::report(held, #expression, __FILE__, __LINE__);            \
    if (!held) return;                                               \
  } while (false)
