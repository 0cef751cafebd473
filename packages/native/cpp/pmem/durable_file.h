// A small file that is replaced as a whole: after a crash it holds its old content or its new one, never a mixture.
#pragma once

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
  Status failure;
};

// `<name>` in `directory` (an O_PATH descriptor that must outlive this object). Calls exclude each other.
class DurableFile {
 public:
  DurableFile(int directory, std::string name) : directory_(directory), name_(std::move(name)) {}

  // Never follows a symbolic link (ELOOP) and never reads a file longer than `limit`, or one that is not regular.
  DurableRead read(uint64_t limit);

  // Changes carry the turn in which they were asked for, because they may reach the pool's threads in another order:
  // one that finds a later change already done is out of date, does nothing, and counts as done.
  uint64_t take_turn() { return ++turns_; }
  Status replace(uint64_t turn, const void* bytes, size_t length);
  Status remove(uint64_t turn);

 private:
  Status write_temporary(const std::string& name, const void* bytes, size_t length);
  Status sync_directory();

  const int directory_;
  const std::string name_;
  uint64_t turns_ = 0;
  std::mutex mutex_;
  uint64_t done_ = 0;
};

}  // namespace pmem
