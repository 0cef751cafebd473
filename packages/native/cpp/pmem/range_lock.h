// Write locks on ranges of one open file. Calls are made on one thread and never wait.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "file_descriptor.h"
#include "status.h"

namespace pmem {

// Open-file-description locks: two opens in one process exclude each other, and closing the last descriptor of an open
// lets go of them.
//
// Whoever may only read a file may take read locks on it, and would keep every writer out. Their locks do not count:
// beside one, writers exclude each other by a second file that only writers may open. Both are asked each time, in the
// order that makes two writers see each other whatever a reader does meanwhile.
class RangeLock {
 public:
  // `directory` is an O_PATH descriptor that must outlive this object, as `fd` must.
  RangeLock(int fd, int directory) : fd_(fd), directory_(directory) {}

  // EAGAIN: another open file holds some of it.
  Status lock(uint64_t position, uint64_t length);
  Status unlock(uint64_t position, uint64_t length);
  // Lets go of what is held in the second file.
  void close() { second_.close(); }

 private:
  Status lock_beside_readers(uint64_t position, uint64_t length);
  Status lock_second(uint64_t position, uint64_t length, bool create);
  bool open_second(bool create, Status* status);

  const int fd_;
  const int directory_;
  FileDescriptor second_;
};

// Takes the lock that guards the creation of a file; waits up to two seconds for another creator. False: go on without.
bool lock_creation(int fd);
void unlock_creation(int fd);

}  // namespace pmem
