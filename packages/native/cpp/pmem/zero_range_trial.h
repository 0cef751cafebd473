// What FALLOC_FL_ZERO_RANGE does to a block that was written, tried where it can harm nothing.
#pragma once

#include <cstdint>

#include "extents.h"
#include "status.h"

namespace pmem {

// With `status` failed nothing else means anything.
struct ZeroRangeTrial {
  Status status;
  bool dax = false;
  bool reads_zeros = false;
  ExtentList before;
  ExtentList after;
};

// Makes a file without a name in `directory` (an O_PATH descriptor), writes and syncs one block of `length` bytes, and
// zeroes it. The file is gone when this returns, or when the process ends. May block.
ZeroRangeTrial try_zero_range(int directory, uint64_t length);

}  // namespace pmem
