#include "durable_file.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace pmem {
namespace {

DurableRead failed(int error, const char* call) {
  DurableRead read;
  read.failure = {error, call};
  return read;
}

}  // namespace

DurableRead DurableFile::read(uint64_t limit) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const FileDescriptor fd(openat(directory_, name_.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  DurableRead read;
  if (!fd.valid()) {
    if (errno != ENOENT) return failed(errno, "open");
    read.state = DurableState::absent;
    return read;
  }
  struct stat facts;
  if (fstat(fd.number(), &facts) != 0) return failed(errno, "fstat");
  if (!S_ISREG(facts.st_mode)) return failed(S_ISDIR(facts.st_mode) ? EISDIR : EINVAL, "open");
  read.size = static_cast<uint64_t>(facts.st_size);
  read.state = DurableState::too_large;
  if (read.size > limit) return read;

  // One byte more than fstat promised, so that a file which grows meanwhile is noticed rather than cut short.
  read.bytes.resize(read.size + 1);
  size_t filled = 0;
  while (filled < read.bytes.size()) {
    const ssize_t got = ::read(fd.number(), read.bytes.data() + filled, read.bytes.size() - filled);
    if (got == -1 && errno == EINTR) continue;
    if (got == -1) return failed(errno, "read");
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  if (filled > read.size) return failed(EBUSY, "read");
  read.bytes.resize(filled);
  read.state = DurableState::present;
  return read;
}

Status DurableFile::replace(uint64_t turn, const void* bytes, size_t length) {
  const std::lock_guard<std::mutex> lock(mutex_);
  // The later change may have failed in its last step, the sync; an out-of-date one repeats that much.
  if (turn < done_) return sync_directory();
  const std::string temporary = name_ + ".tmp";
  // Left by a process that died here. Unlinking a link removes the link, and O_EXCL refuses one that comes back.
  if (unlinkat(directory_, temporary.c_str(), 0) != 0 && errno != ENOENT) return {errno, "unlink"};
  Status status = write_temporary(temporary, bytes, length);
  if (status.ok() && renameat(directory_, temporary.c_str(), directory_, name_.c_str()) != 0) {
    status = {errno, "rename"};
  }
  if (!status.ok()) {
    unlinkat(directory_, temporary.c_str(), 0);
    return status;
  }
  // From here on the new content is what a reader finds, durable or not; an older change must not undo it.
  done_ = turn;
  return sync_directory();
}

Status DurableFile::remove(uint64_t turn) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (turn < done_) return sync_directory();
  if (unlinkat(directory_, name_.c_str(), 0) != 0 && errno != ENOENT) return {errno, "unlink"};
  done_ = turn;
  // Also where there was nothing to unlink: an earlier removal may not have reached the medium.
  return sync_directory();
}

Status DurableFile::write_temporary(const std::string& name, const void* bytes, size_t length) {
  FileDescriptor fd(
      openat(directory_, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.valid()) return {errno, "open"};
  if (fchmod(fd.number(), 0600) != 0) return {errno, "fchmod"};
  const unsigned char* next = static_cast<const unsigned char*>(bytes);
  while (length > 0) {
    const ssize_t put = ::write(fd.number(), next, length);
    if (put == -1 && errno == EINTR) continue;
    if (put == -1) return {errno, "write"};
    next += put;
    length -= static_cast<size_t>(put);
  }
  if (fsync(fd.number()) != 0) return {errno, "fsync"};
  return fd.close();
}

Status DurableFile::sync_directory() {
  // The directory is held by O_PATH, which needs no right to read it but cannot be synced either.
  const FileDescriptor readable(openat(directory_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!readable.valid()) return {errno, "open"};
  return fsync(readable.number()) == 0 ? Status{} : Status{errno, "fsync"};
}

}  // namespace pmem
