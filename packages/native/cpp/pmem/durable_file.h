// Small files that are replaced as a whole: after a crash one holds its old content or its new one, never a mixture.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "file_descriptor.h"
#include "status.h"

namespace pmem {

enum class DurableState { present, absent, too_large, failed };

struct DurableRead {
  DurableState state = DurableState::failed;
  std::vector<unsigned char> bytes;
  uint64_t size = 0;
  // kUnknownUser: the user namespace does not tell.
  uint32_t owner = 0;
  // Milliseconds since 1970, by the clock of the filesystem.
  int64_t modified_ms = 0;
  // It is on another filesystem than the owner, or in another subvolume.
  bool elsewhere = false;
  // The extended attribute of the file; empty if it has none.
  std::string mark;
  Status failure;
};

// What a replacement is made of besides its bytes.
struct DurableContent {
  const void* bytes;
  size_t length;
  const std::string& mark;
  // A name in the directory of the file that is replaced.
  const std::string& temporary;
  // Nothing is replaced: EEXIST if the name has been taken meanwhile. EXDEV if the owner is mounted by itself.
  bool is_new = false;
};

// Whom new files are to belong to, as far as this process may say so. They stay this process's if that is not known.
struct Ownership {
  uid_t user;
  gid_t group;
  mode_t mode;
};

// Files in `directory` (an O_PATH descriptor that must outlive this object); an absolute path names one elsewhere.
// Calls exclude each other.
class DurableFiles {
 public:
  // `owner` is the file whose owner, group, mode and access list they get; it must outlive this object, too.
  DurableFiles(int directory, int owner, const Ownership& ownership)
      : directory_(directory), owner_(owner), ownership_(ownership) {}

  // Never follows a symbolic link (ELOOP) and never reads a file longer than `limit`, or one that is not regular.
  DurableRead read(const std::string& place, uint64_t limit);

  // Changes carry the turn in which they were asked for, because they may reach the pool's threads in another order:
  // one that finds a later change already done is out of date, does nothing, and counts as done.
  uint64_t take_turn() { return ++turns_; }
  Status replace(uint64_t turn, const std::string& place, const DurableContent& content);
  Status remove(uint64_t turn, const std::string& place);

 private:
  Status write_temporary(FileDescriptor fd, const DurableContent& content) const;
  Status create_temporary(std::string* path, FileDescriptor* file) const;
  Status give_access(int fd) const;
  Status put_in_place(const std::string& temporary, const std::string& place, bool is_new) const;
  bool is_ours(const std::string& path) const;
  bool is_mounted_alone() const;
  Status sync_directory_of(const std::string& place) const;

  const int directory_;
  const int owner_;
  const Ownership ownership_;
  uint64_t turns_ = 0;
  std::mutex mutex_;
  uint64_t done_ = 0;
};

}  // namespace pmem
