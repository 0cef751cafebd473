#include "range_lock.h"
#include "owners.h"
#include "uninterrupted.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>

#ifndef F_OFD_GETLK
#define F_OFD_GETLK 36
#define F_OFD_SETLK 37
#endif

namespace pmem {
namespace {

struct flock range_of(short type, uint64_t position, uint64_t length) {
  struct flock lock = {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(position);
  lock.l_len = static_cast<off_t>(length);
  return lock;
}

// Of the second file: whose it is has to be known, or another user may have planted it.
bool is_trusted(uid_t owner, uid_t of_file) {
  return owner != kUnknownUser && (owner == of_file || owner == geteuid() || owner == 0);
}

Status set_lock(int fd, short type, uint64_t position, uint64_t length) {
  struct flock lock = range_of(type, position, length);
  const int result = uninterrupted([&] { return fcntl(fd, F_OFD_SETLK, &lock); });
  if (result == 0) return {};
  // POSIX lets a filesystem say either.
  return {errno == EACCES ? EAGAIN : errno, "fcntl"};
}

// F_UNLCK if nothing is in the way of a write lock; the kernel names one lock of several.
short obstacle(int fd, uint64_t position, uint64_t length) {
  struct flock lock = range_of(F_WRLCK, position, length);
  return fcntl(fd, F_OFD_GETLK, &lock) == 0 ? lock.l_type : static_cast<short>(F_WRLCK);
}

// Byte by byte: one reader's lock over the range hides writers' locks in it.
bool has_writer(int fd, uint64_t position, uint64_t length) {
  for (uint64_t i = 0; i < length; i++) {
    if (obstacle(fd, position + i, 1) == F_WRLCK) return true;
  }
  return false;
}

constexpr uint64_t kCreationPosition = (uint64_t{1} << 53) - 2 - 1024;

}  // namespace

Status RangeLock::lock(uint64_t position, uint64_t length) {
  const Status first = set_lock(fd_, F_WRLCK, position, length);
  if (first.error == EAGAIN) return lock_beside_readers(position, length);
  if (!first.ok()) return first;
  const Status second = lock_second(position, length, false);
  if (!second.ok()) set_lock(fd_, F_UNLCK, position, length);
  return second;
}

Status RangeLock::unlock(uint64_t position, uint64_t length) {
  if (second_.valid()) set_lock(second_.number(), F_UNLCK, position, length);
  return set_lock(fd_, F_UNLCK, position, length);
}

Status RangeLock::lock_beside_readers(uint64_t position, uint64_t length) {
  const Status held{EAGAIN, "fcntl"};
  if (has_writer(fd_, position, length)) return held;
  const Status second = lock_second(position, length, true);
  if (!second.ok()) return second;
  // A writer that came first, and looked before the second file was there, holds its lock on the first by now.
  if (!has_writer(fd_, position, length)) return {};
  set_lock(second_.number(), F_UNLCK, position, length);
  return held;
}

Status RangeLock::lock_second(uint64_t position, uint64_t length, bool create) {
  Status status;
  if (!second_.valid() && !open_second(create, &status)) return status;
  return set_lock(second_.number(), F_WRLCK, position, length);
}

// False without a failure if there is none and none is to be made.
bool RangeLock::open_second(bool create, Status* status) {
  struct stat file;
  if (fstat(fd_, &file) != 0) {
    *status = {errno, "fstat"};
    return false;
  }
  char name[64];
  snprintf(name, sizeof name, ".repair-lock-%llx", static_cast<unsigned long long>(file.st_ino));
  // Only those who may write the file may open this one.
  const mode_t writers = (file.st_mode & 0222) | ((file.st_mode & 0222) << 1);
  constexpr int kFlags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
  FileDescriptor opened(openat(directory_, name, kFlags));
  if (!opened.valid() && errno == ENOENT && create) {
    opened = FileDescriptor(openat(directory_, name, kFlags | O_CREAT | O_EXCL, writers & 0600));
    if (opened.valid()) {
      if (fchown(opened.number(), owner_of(fd_, file), group_of(file)) != 0) {
        // It stays this user's; its group decides then.
      }
      fchmod(opened.number(), writers);
    } else if (errno == EEXIST) {
      opened = FileDescriptor(openat(directory_, name, kFlags));
    }
  }
  if (!opened.valid()) {
    if (errno == ENOENT && !create) return false;
    *status = {errno, "open"};
    return false;
  }
  struct stat facts;
  const bool trusted = fstat(opened.number(), &facts) == 0 && S_ISREG(facts.st_mode) &&
                       is_trusted(owner_of(opened.number(), facts), owner_of(fd_, file));
  if (!trusted) {
    // Another user's file has the name. Without the agreement of other writers only the first file counts.
    if (create) *status = {EAGAIN, "fcntl"};
    return false;
  }
  second_ = std::move(opened);
  return true;
}

bool lock_creation(int fd) {
  const struct timespec pause = {0, 1'000'000};
  for (int attempt = 0; attempt < 2000; attempt++) {
    const Status status = set_lock(fd, F_WRLCK, kCreationPosition, 1);
    if (status.ok()) return true;
    if (status.error != EAGAIN || obstacle(fd, kCreationPosition, 1) == F_RDLCK) return false;
    nanosleep(&pause, nullptr);
  }
  return false;
}

void unlock_creation(int fd) { set_lock(fd, F_UNLCK, kCreationPosition, 1); }

}  // namespace pmem
