#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

#include "poison.h"

// Linux 6.6; the headers of the build machine may be older than its kernel.
#ifndef UFFD_FEATURE_POISON
#define UFFD_FEATURE_POISON (1 << 14)
#endif
#ifndef UFFDIO_POISON
struct uffdio_poison {
  struct uffdio_range range;
  __u64 mode;
  __s64 updated;
};
#define UFFDIO_POISON _IOWR(UFFDIO, 0x08, struct uffdio_poison)
#endif
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

namespace injector {
namespace {

// One userfaultfd for the process.
int uffd = -1;

int open_uffd(const char** call) {
  if (uffd >= 0) return 0;
  *call = "userfaultfd";
  int fd = static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
  // Without privilege the kernel allows only those that watch faults of user code, which is all that is needed here.
  if (fd < 0 && errno == EPERM) {
    fd = static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY));
  }
  if (fd < 0) return errno;
  struct uffdio_api api = {};
  api.api = UFFD_API;
  api.features = UFFD_FEATURE_POISON;
  *call = "UFFDIO_API";
  if (ioctl(fd, UFFDIO_API, &api) != 0) {
    const int error = errno;
    close(fd);
    return error;
  }
  uffd = fd;
  return 0;
}

int poison_registered(const struct uffdio_range& range, const char** call) {
  *call = "madvise";
  if (madvise(reinterpret_cast<void*>(range.start), range.len, MADV_DONTNEED) != 0) return errno;
  struct uffdio_poison request = {};
  request.range = range;
  *call = "UFFDIO_POISON";
  return ioctl(uffd, UFFDIO_POISON, &request) == 0 ? 0 : errno;
}

// Calls `use(begin, end, offset of begin in the file, private)` for each mapping of the file, until it returns false.
template <typename Use>
void each_mapping(const char* path, Use use) {
  FILE* maps = fopen("/proc/self/maps", "re");
  if (maps == nullptr) return;
  char line[8192];
  bool going_on = true;
  while (going_on && fgets(line, sizeof line, maps) != nullptr) {
    unsigned long begin = 0;
    unsigned long end = 0;
    unsigned long long start = 0;
    char permissions[5] = "";
    int name = 0;
    if (sscanf(line, "%lx-%lx %4s %llx %*s %*s %n", &begin, &end, permissions, &start, &name) < 4) continue;
    line[strcspn(line, "\n")] = '\0';
    if (strcmp(line + name, path) == 0) going_on = use(begin, end, start, permissions[3] == 'p');
  }
  fclose(maps);
}

int poison_address(uintptr_t address, uint64_t length, const char** call) {
  const int opened = open_uffd(call);
  if (opened != 0) return opened;
  struct uffdio_register range = {};
  range.range.start = address;
  range.range.len = length;
  range.mode = UFFDIO_REGISTER_MODE_MISSING;
  *call = "UFFDIO_REGISTER";
  if (ioctl(uffd, UFFDIO_REGISTER, &range) != 0) return errno;
  const int error = poison_registered(range.range, call);
  // Poison stays without a registration. With one, a page that is missing later (the file was cut off and made as long
  // as before) would wait for a handler that is not there: for ever.
  if (ioctl(uffd, UFFDIO_UNREGISTER, &range.range) == 0 || error != 0) return error;
  *call = "UFFDIO_UNREGISTER";
  return errno;
}

}  // namespace

int can_poison(const char** call) { return open_uffd(call); }

Range find_mapping(const char* path, uint64_t offset, Kind kind, uintptr_t* address, int skip) {
  Range found = {0, 0};
  each_mapping(path, [&](uintptr_t begin, uintptr_t end, uint64_t start, bool is_private) {
    if (is_private != (kind == Kind::view) || offset < start || offset >= start + (end - begin)) return true;
    if (skip-- > 0) return true;
    found = {begin, end};
    *address = begin + (offset - start);
    return false;
  });
  return found;
}

int poison(const char* path, uint64_t offset, uint64_t length, Kind kind, const char** call) {
  uintptr_t address = 0;
  *call = "find_mapping";
  if (find_mapping(path, offset, kind, &address).end == 0) return ENOENT;
  return poison_address(address, length, call);
}

int poison_everywhere(const char* path, uint64_t offset, uint64_t length, uint32_t* mappings, const char** call) {
  // Registering splits mappings, so the list is read to its end first.
  std::vector<struct uffdio_range> parts;
  each_mapping(path, [&](uintptr_t begin, uintptr_t end, uint64_t start, bool) {
    const uint64_t first = std::max(offset, start);
    const uint64_t past = std::min(offset + length, start + (end - begin));
    if (first < past) parts.push_back({begin + (first - start), past - first});
    return true;
  });
  *mappings = static_cast<uint32_t>(parts.size());
  for (const struct uffdio_range& part : parts) {
    const int error = poison_address(part.start, part.len, call);
    if (error != 0) return error;
  }
  return 0;
}

}  // namespace injector
