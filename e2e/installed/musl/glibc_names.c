// What Debian's C++ library takes from glibc and musl does not have, so that a Node built for musl, which needs a C++
// library, runs beside it. The tests preload it. For tests only: thread-local objects
// are not destroyed, and C++ exceptions do not cross modules.
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <time.h>

char __libc_single_threaded = 0;
unsigned __cpu_model[4];

int __cpu_indicator_init(void) { return 0; }
unsigned long __getauxval(unsigned long type) { return getauxval(type); }
int _dl_find_object(void *address, void *result) { return -1; }
int __cxa_thread_atexit_impl(void (*destroy)(void *), void *object, void *module) { return 0; }
unsigned long __isoc23_strtoul(const char *text, char **end, int base) { return strtoul(text, end, base); }
int strfromf128(char *text, size_t size, const char *format, ...) { abort(); }
void strtof128(const char *text, char **end) { abort(); }

size_t __strftime_l(char *text, size_t size, const char *format, const struct tm *time, locale_t locale) {
  return strftime_l(text, size, format, time, locale);
}

unsigned arc4random(void) {
  unsigned number;
  if (getrandom(&number, sizeof number, 0) != sizeof number) abort();
  return number;
}
