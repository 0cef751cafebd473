#include "durable_file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <utility>

#include "ask_statx.h"
#include "mark.h"
#include "media.h"
#include "owners.h"
#include "uninterrupted.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif

namespace pmem {
namespace {

DurableRead failed(int error, const char* call) {
  DurableRead read;
  read.failure = {error, call};
  return read;
}

// Which mount a descriptor was opened through; 0 before Linux 5.8, and if a seccomp filter refuses statx(2).
uint64_t mount_of(int fd) {
  // STATX_MNT_ID and stx_mnt_id: the oldest headers that this is built with do not have them.
  constexpr unsigned kMask = 0x1000;
  constexpr size_t kOffset = 0x90;
  struct statx facts = {};
  if (!ask_statx(fd, kMask, &facts) || (facts.stx_mask & kMask) == 0) return 0;
  uint64_t number;
  memcpy(&number, reinterpret_cast<const char*>(&facts) + kOffset, sizeof number);
  return number;
}

std::string directory_of(const std::string& place) {
  const size_t slash = place.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : place.substr(0, slash);
}

std::string beside(const std::string& place, const std::string& name) {
  const size_t slash = place.rfind('/');
  return slash == std::string::npos ? name : place.substr(0, slash + 1) + name;
}

}  // namespace

DurableRead DurableFiles::read(const std::string& place, uint64_t limit) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const FileDescriptor fd(
      openat(directory_, place.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  DurableRead read;
  if (!fd.valid()) {
    // A directory that is gone took its files with it.
    if (errno != ENOENT && errno != ENOTDIR) return failed(errno, "open");
    read.state = DurableState::absent;
    return read;
  }
  struct stat facts;
  if (fstat(fd.number(), &facts) != 0) return failed(errno, "fstat");
  if (!S_ISREG(facts.st_mode)) return failed(S_ISDIR(facts.st_mode) ? EISDIR : EINVAL, "open");
  read.size = static_cast<uint64_t>(facts.st_size);
  read.owner = owner_of(fd.number(), facts);
  read.modified_ms = milliseconds_of(facts.st_mtim);
  struct stat owner;
  if (place.front() == '/') read.elsewhere = fstat(owner_, &owner) == 0 && owner.st_dev != facts.st_dev;
  read.state = DurableState::too_large;
  if (read.size > limit) return read;

  // One byte more than fstat promised, so that a file which grows meanwhile is noticed rather than cut short.
  read.bytes.resize(read.size + 1);
  size_t filled = 0;
  while (filled < read.bytes.size()) {
    const ssize_t got =
        uninterrupted([&] { return ::read(fd.number(), read.bytes.data() + filled, read.bytes.size() - filled); });
    if (got == -1) return failed(errno, "read");
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  if (filled > read.size) return failed(EBUSY, "read");
  read.bytes.resize(filled);
  const MarkRead mark = read_mark(fd.number());
  if (mark.state == MarkState::present) read.mark = mark.bytes;
  read.state = DurableState::present;
  return read;
}

Status DurableFiles::replace(uint64_t turn, const std::string& place, const DurableContent& content) {
  const std::lock_guard<std::mutex> lock(mutex_);
  // The later change may have failed in its last step, the sync; an out-of-date one repeats that much.
  if (turn < done_) return sync_directory_of(place);
  if (content.is_new && is_mounted_alone()) return {EXDEV, "rename"};
  std::string temporary = beside(place, content.temporary);
  FileDescriptor file;
  Status status = create_temporary(&temporary, &file);
  if (!status.ok()) return status;
  status = write_temporary(std::move(file), content);
  if (status.ok()) status = put_in_place(temporary, place, content.is_new);
  if (!status.ok()) {
    unlinkat(directory_, temporary.c_str(), 0);
    return status;
  }
  // From here on the new content is what a reader finds, durable or not; an older change must not undo it.
  done_ = turn;
  return sync_directory_of(place);
}

Status DurableFiles::remove(uint64_t turn, const std::string& place) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (turn < done_) return sync_directory_of(place);
  if (unlinkat(directory_, place.c_str(), 0) != 0 && errno != ENOENT) return {errno, "unlink"};
  done_ = turn;
  // Also if there was nothing to unlink: an earlier removal may not have reached the medium.
  return sync_directory_of(place);
}

// A file of that name was left by a process of ours that died here, or was put there by another user: that one stays,
// and a name that it cannot have guessed is taken.
Status DurableFiles::create_temporary(std::string* path, FileDescriptor* file) const {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  *file = FileDescriptor(openat(directory_, path->c_str(), kFlags, 0600));
  if (!file->valid() && errno == EEXIST && is_ours(*path)) {
    // Unlinking a link removes the link, and O_EXCL refuses one that comes back.
    if (unlinkat(directory_, path->c_str(), 0) != 0 && errno != ENOENT) return {errno, "unlink"};
    *file = FileDescriptor(openat(directory_, path->c_str(), kFlags, 0600));
  }
  if (!file->valid() && errno == EEXIST) {
    uint64_t number = 0;
    // glibc has a function for it since 2.25 only; the binaries are linked for 2.17.
    if (syscall(SYS_getrandom, &number, sizeof number, 0) != sizeof number) return {EAGAIN, "getrandom"};
    *path = beside(*path, ".repair-" + std::to_string(number) + ".tmp");
    *file = FileDescriptor(openat(directory_, path->c_str(), kFlags, 0600));
  }
  return file->valid() ? Status{} : Status{errno, "open"};
}

bool DurableFiles::is_ours(const std::string& path) const {
  struct stat facts;
  if (fstatat(directory_, path.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT;
  return S_ISREG(facts.st_mode) && (facts.st_uid == geteuid() || facts.st_uid == ownership_.user);
}

// Containers are given single files that way. The directory is another filesystem's then, and may not live as long.
bool DurableFiles::is_mounted_alone() const {
  const uint64_t directory = mount_of(directory_);
  const uint64_t file = mount_of(owner_);
  return directory != 0 && file != 0 && directory != file;
}

Status DurableFiles::write_temporary(FileDescriptor fd, const DurableContent& content) const {
  const Status access = give_access(fd.number());
  if (!access.ok()) return access;
  const unsigned char* next = static_cast<const unsigned char*>(content.bytes);
  size_t length = content.length;
  while (length > 0) {
    const ssize_t put = uninterrupted([&] { return ::write(fd.number(), next, length); });
    if (put == -1) return {errno, "write"};
    next += put;
    length -= static_cast<size_t>(put);
  }
  // Marks are an aid: without one the journal is still found by its name.
  const Status marked = set_mark(fd.number(), content.mark);
  if (!marked.ok() && marked.error != EOPNOTSUPP && marked.error != EPERM) return marked;
  if (fsync(fd.number()) != 0) return {errno, "fsync"};
  return fd.close();
}

// Those who may use the file may use its journal, and no one else. Only root may give a file away; its group is more
// often allowed.
Status DurableFiles::give_access(int fd) const {
  const bool is_given = fchown(fd, ownership_.user, ownership_.group) == 0 ||
                        fchown(fd, static_cast<uid_t>(-1), ownership_.group) == 0;
  const bool has_group = is_given && ownership_.group != kUnknownGroup;
  // The group bits of a file with an access list are its mask, not what its group may do.
  constexpr char kAccess[] = "system.posix_acl_access";
  char list[4096];
  const ssize_t length = fgetxattr(owner_, kAccess, list, sizeof list);
  const bool has_list = length > 0 || (length < 0 && errno == ERANGE);
  // Bits for a group that the journal does not have would be another group's.
  const mode_t mode = ownership_.mode & (has_list ? 0600 : has_group ? 0666 : 0606);
  if (fchmod(fd, mode) != 0) return {errno, "fchmod"};
  if (length > 0) fsetxattr(fd, kAccess, list, static_cast<size_t>(length), 0);
  return {};
}

// A name that was free when the lock was taken may be another program's file by now.
Status DurableFiles::put_in_place(const std::string& temporary, const std::string& place, bool is_new) const {
  const unsigned flags = is_new ? RENAME_NOREPLACE : 0;
  const long renamed = syscall(SYS_renameat2, directory_, temporary.c_str(), directory_, place.c_str(), flags);
  if (renamed == 0) return {};
  if (errno != EINVAL && errno != ENOSYS) return {errno, "rename"};
  // Filesystems without the flag: a link refuses a name that is taken.
  if (is_new && linkat(directory_, temporary.c_str(), directory_, place.c_str(), 0) == 0) {
    unlinkat(directory_, temporary.c_str(), 0);
    return {};
  }
  if (is_new && errno == EEXIST) return {errno, "link"};
  return renameat(directory_, temporary.c_str(), directory_, place.c_str()) == 0 ? Status{} : Status{errno, "rename"};
}

Status DurableFiles::sync_directory_of(const std::string& place) const {
  // The directory is held by O_PATH, which needs no right to read it but cannot be synced either.
  const FileDescriptor readable(openat(directory_, directory_of(place).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!readable.valid()) return {errno, "open"};
  return fsync(readable.number()) == 0 ? Status{} : Status{errno, "fsync"};
}

}  // namespace pmem
