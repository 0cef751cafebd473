// Where the bytes of a file are on its block device: the FIEMAP ioctl, which needs no privilege.
#pragma once

#include <cstdint>
#include <vector>

#include "status.h"

namespace pmem {

struct FileExtent {
  uint64_t offset;
  uint64_t length;
  uint64_t physical_offset;
  bool unwritten;
  bool shared;
  // The physical offset means nothing: not allocated yet, inline in an inode, compressed, encrypted, or unknown.
  bool unmapped;
};

using ExtentList = std::vector<FileExtent>;

// `yes` writes delayed allocations out first, so that every extent has a place; it can block for long.
enum class ExtentSync { no, yes };

// Every extent that overlaps the range, in order, as the kernel gives them: they may begin before it and end after it.
Status list_extents(int fd, uint64_t position, uint64_t length, ExtentSync sync, ExtentList* extents);

}  // namespace pmem
