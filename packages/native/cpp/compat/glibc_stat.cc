// fstat() and fstatat() for binaries that have to load on glibc before 2.33, where they are no functions of the shared
// library. The static ones that zig links instead set an errno of their own, so that every failure would read as 0.
// Compiled into the published glibc binaries alone (release/build-binaries.mjs).
#include <sys/stat.h>

#if !defined(__GLIBC__)
#error "glibc only: musl has these functions"
#endif

#if defined(__x86_64__)
constexpr int kStatVersion = 1;
#elif defined(__aarch64__)
constexpr int kStatVersion = 0;
#else
#error "which version of struct stat does this architecture have?"
#endif

extern "C" {
int __fxstat(int version, int fd, struct stat* facts) noexcept;
int __fxstatat(int version, int directory, const char* path, struct stat* facts, int flags) noexcept;

int fstat(int fd, struct stat* facts) noexcept { return __fxstat(kStatVersion, fd, facts); }
int fstatat(int directory, const char* path, struct stat* facts, int flags) noexcept {
  return __fxstatat(kStatVersion, directory, path, facts, flags);
}
}
