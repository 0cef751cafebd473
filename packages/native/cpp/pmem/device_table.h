// What a device-mapper device is made of. The kernel tells it to root alone.
#pragma once

#include <cstdint>

#include <string>
#include <vector>

#include "status.h"

namespace pmem {

// Sectors have 512 bytes, and count from the start of the device-mapper device.
struct TableTarget {
  uint64_t first_sector = 0;
  uint64_t sectors = 0;
  // The name of the target, `linear` for one, and its parameters as `dmsetup table` prints them.
  std::string type;
  std::string parameters;
};

// With `status` failed nothing else means anything.
struct DeviceTable {
  Status status;
  std::vector<TableTarget> targets;
};

DeviceTable device_table(uint32_t major, uint32_t minor);

}  // namespace pmem
