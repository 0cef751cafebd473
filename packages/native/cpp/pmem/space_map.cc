#include "space_map.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/fsmap.h>
#include <memory>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "file_descriptor.h"
#include "uninterrupted.h"

namespace pmem {
namespace {

constexpr uint32_t kPerCall = 128;

// As the kernel packs the number of a device into 32 bits.
uint32_t packed_device(dev_t device) {
  const uint32_t low = minor(device);
  return (low & 0xff) | (major(device) << 8) | ((low & ~uint32_t{0xff}) << 12);
}

SpaceUse use_of(const struct fsmap& record) {
  if ((record.fmr_flags & FMR_OF_SPECIAL_OWNER) == 0 || record.fmr_owner == FMR_OWN_UNKNOWN) return SpaceUse::allocated;
  return record.fmr_owner == FMR_OWN_FREE ? SpaceUse::free : SpaceUse::filesystem;
}

}  // namespace

Status list_space(const char* directory, uint64_t offset, uint64_t length, std::vector<Space>* spaces) {
  if (length == 0) return {};
  const FileDescriptor fd(open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return {errno, "open"};
  struct stat facts;
  if (fstat(fd.number(), &facts) != 0) return {errno, "fstat"};

  // fsmap_head ends in a flexible array.
  const size_t bytes = sizeof(struct fsmap_head) + kPerCall * sizeof(struct fsmap);
  const std::unique_ptr<uint64_t[]> storage(new uint64_t[bytes / sizeof(uint64_t) + 1]());
  auto* const head = reinterpret_cast<struct fsmap_head*>(storage.get());
  struct fsmap& low = head->fmh_keys[0];
  struct fsmap& high = head->fmh_keys[1];
  memset(&high, 0xff, sizeof high);
  low.fmr_device = high.fmr_device = packed_device(facts.st_dev);
  low.fmr_physical = offset;
  high.fmr_physical = offset + length - 1;
  high.fmr_length = 0;
  memset(high.fmr_reserved, 0, sizeof high.fmr_reserved);
  for (;;) {
    head->fmh_count = kPerCall;
    if (uninterrupted([&] { return ioctl(fd.number(), FS_IOC_GETFSMAP, head); }) != 0) return {errno, "ioctl"};
    if (head->fmh_entries == 0) return {};
    for (uint32_t i = 0; i < head->fmh_entries; i++) {
      const struct fsmap& record = head->fmh_recs[i];
      const uint64_t first = std::max<uint64_t>(record.fmr_physical, offset);
      const uint64_t last = std::min<uint64_t>(record.fmr_physical + record.fmr_length, offset + length);
      if (first < last) spaces->push_back({first, last - first, use_of(record)});
    }
    const struct fsmap& end = head->fmh_recs[head->fmh_entries - 1];
    // A map that does not advance would otherwise be asked for ever.
    if ((end.fmr_flags & FMR_OF_LAST) != 0 || end.fmr_length == 0) return {};
    low = end;
  }
}

}  // namespace pmem
