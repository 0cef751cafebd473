// What a filesystem says of parts of its device: free, its own, or given to files (FS_IOC_GETFSMAP). For root alone.
#pragma once

#include <cstdint>
#include <vector>

#include "status.h"

namespace pmem {

// `allocated`: to files, or to what the filesystem does not tell apart from them.
enum class SpaceUse { free, filesystem, allocated };

struct Space {
  uint64_t offset;
  uint64_t length;
  SpaceUse use;
};

// Appends what the filesystem says of [offset, offset + length), in bytes from the start of its device. `directory` is
// any directory of it. EPERM for whoever is not root, ENOTTY or EOPNOTSUPP for filesystems that keep no such map.
Status list_space(const char* directory, uint64_t offset, uint64_t length, std::vector<Space>* spaces);

}  // namespace pmem
