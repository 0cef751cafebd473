// Assertions, and a list of tests that runs them.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>
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

inline bool is_named(const Test& test, int count, char** names) {
  for (int i = 0; i < count; i++) {
    if (strcmp(test.name, names[i]) == 0) return true;
  }
  return false;
}

// All but those that are named: what the place where they run cannot do. A name that no test has is an error.
inline int run_all_but(int count, char** names) {
  int passed = 0;
  int failed = 0;
  int left_out = 0;
  for (const Test& test : tests()) {
    if (is_named(test, count, names)) {
      left_out++;
      continue;
    }
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
  if (left_out != count) fprintf(stderr, "%d tests were to be left out, and there were %d\n", count, left_out);
  return failed == 0 && passed > 0 && left_out == count ? 0 : 1;
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
