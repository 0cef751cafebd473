#include "mark.h"

#include <cerrno>
#include <sys/xattr.h>
#include <unistd.h>

namespace pmem {
namespace {

constexpr char kName[] = "user.safe-pmem.journal";
// Longer ones are no marks of ours: core cuts the path in one at 1024 bytes.
constexpr size_t kLongest = 4096;

}  // namespace

MarkRead read_mark(int fd) {
  MarkRead read;
  read.bytes.resize(kLongest);
  const ssize_t length = fgetxattr(fd, kName, &read.bytes[0], read.bytes.size());
  if (length >= 0) {
    read.bytes.resize(static_cast<size_t>(length));
    read.state = MarkState::present;
    return read;
  }
  read.bytes.clear();
  // A seccomp filter that does not know the call answers ENOSYS or EPERM.
  if (errno == ENODATA) read.state = MarkState::absent;
  else if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EPERM) read.state = MarkState::unsupported;
  else read.failure = {errno, "fgetxattr"};
  return read;
}

Status set_mark(int fd, const std::string& mark) {
  if (mark.empty()) {
    return fremovexattr(fd, kName) == 0 || errno == ENODATA ? Status{} : Status{errno, "fremovexattr"};
  }
  return fsetxattr(fd, kName, mark.data(), mark.size(), 0) == 0 ? Status{} : Status{errno, "fsetxattr"};
}

Status write_mark(int fd, const std::string& mark) {
  const Status set = set_mark(fd, mark);
  if (!set.ok()) return set;
  return fsync(fd) == 0 ? Status{} : Status{errno, "fsync"};
}

}  // namespace pmem
