#include "owners.h"

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

namespace pmem {
namespace {

// All that there are, without the one that means none.
constexpr uint64_t kAll = 0xffffffffu;

// True if the user namespace of this process maps every user (`uid_map`) or group (`gid_map`). Not without /proc: a
// sandbox may have its reasons for that. A kernel without user namespaces has /proc and no such file.
bool maps_all(const char* path) {
  FILE* const map = fopen(path, "re");
  if (map == nullptr) return errno == ENOENT && access("/proc/self", F_OK) == 0;
  uint64_t mapped = 0;
  unsigned inside, outside, count;
  while (fscanf(map, "%u %u %u", &inside, &outside, &count) == 3) mapped += count;
  fclose(map);
  return mapped >= kAll;
}

unsigned overflow_number(const char* path) {
  unsigned number = 65534;
  FILE* const file = fopen(path, "re");
  if (file == nullptr) return number;
  if (fscanf(file, "%u", &number) != 1) number = 65534;
  fclose(file);
  return number;
}

// Only the owner, and a process that may act for the owner, may ask not to have the access times changed. For the file
// of a user who is not mapped no process of the namespace may.
bool may_act_for_owner(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NOATIME) != 0) return false;
  fcntl(fd, F_SETFL, flags);
  return true;
}

}  // namespace

uid_t owner_of(int fd, const struct stat& facts) {
  static const unsigned overflow = overflow_number("/proc/sys/kernel/overflowuid");
  if (facts.st_uid != overflow) return facts.st_uid;
  static const bool all = maps_all("/proc/self/uid_map");
  return all || may_act_for_owner(fd) ? facts.st_uid : kUnknownUser;
}

gid_t group_of(const struct stat& facts) {
  static const unsigned overflow = overflow_number("/proc/sys/kernel/overflowgid");
  if (facts.st_gid != overflow) return facts.st_gid;
  static const bool all = maps_all("/proc/self/gid_map");
  return all ? facts.st_gid : kUnknownGroup;
}

}  // namespace pmem
