// LD_PRELOAD: a filesystem as some network filesystems and filesystems in user space are. REFUSING names a call and an
// errno ("pread 4"): every such call on a file called "file" fails with it, or every one at a position ("pwrite 5 8192").
// "fcntl" means locks only.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int refused(const char* call, int fd, long long at) {
  const char* asked = getenv("REFUSING");
  const size_t length = strlen(call);
  if (asked == NULL || strncmp(asked, call, length) != 0 || asked[length] != ' ') return 0;
  char link[64];
  char path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t got = readlink(link, path, sizeof path - 1);
  if (got < 5) return 0;
  path[got] = 0;
  if (strcmp(path + got - 5, "/file") != 0) return 0;
  char* rest;
  const int number = (int)strtol(asked + length + 1, &rest, 10);
  if (*rest == ' ' && atoll(rest) != at) return 0;
  errno = number;
  return 1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t pread(int fd, void* bytes, size_t length, off_t at) {
  return refused("pread", fd, at) ? -1 : NEXT(pread)(fd, bytes, length, at);
}
ssize_t pread64(int fd, void* bytes, size_t length, off64_t at) {
  return refused("pread", fd, at) ? -1 : NEXT(pread64)(fd, bytes, length, at);
}
ssize_t pwrite(int fd, const void* bytes, size_t length, off_t at) {
  return refused("pwrite", fd, at) ? -1 : NEXT(pwrite)(fd, bytes, length, at);
}
ssize_t pwrite64(int fd, const void* bytes, size_t length, off64_t at) {
  return refused("pwrite", fd, at) ? -1 : NEXT(pwrite64)(fd, bytes, length, at);
}
int fdatasync(int fd) { return refused("fdatasync", fd, -1) ? -1 : NEXT(fdatasync)(fd); }

static int is_lock(int command) { return command == F_OFD_SETLK || command == F_OFD_GETLK; }

int fcntl(int fd, int command, ...) {
  va_list rest;
  va_start(rest, command);
  void* argument = va_arg(rest, void*);
  va_end(rest);
  return is_lock(command) && refused("fcntl", fd, -1) ? -1 : NEXT(fcntl)(fd, command, argument);
}
int fcntl64(int fd, int command, ...) {
  va_list rest;
  va_start(rest, command);
  void* argument = va_arg(rest, void*);
  va_end(rest);
  return is_lock(command) && refused("fcntl", fd, -1) ? -1 : NEXT(fcntl64)(fd, command, argument);
}
