#include "extents.h"
#include "uninterrupted.h"

#include <cerrno>
#include <cstring>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

namespace pmem {
namespace {

constexpr uint32_t kPerCall = 128;

constexpr uint32_t kUnmapped = FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_ENCODED |
                               FIEMAP_EXTENT_DATA_ENCRYPTED | FIEMAP_EXTENT_NOT_ALIGNED | FIEMAP_EXTENT_DATA_INLINE |
                               FIEMAP_EXTENT_DATA_TAIL;

struct Request {
  // fiemap ends in a flexible array; the storage after it is `extents`.
  alignas(struct fiemap) unsigned char bytes[sizeof(struct fiemap) + kPerCall * sizeof(struct fiemap_extent)];

  struct fiemap* header() { return reinterpret_cast<struct fiemap*>(bytes); }
  const struct fiemap_extent* extents() { return header()->fm_extents; }
};

FileExtent from_kernel(const struct fiemap_extent& extent) {
  return {extent.fe_logical,
          extent.fe_length,
          extent.fe_physical,
          (extent.fe_flags & FIEMAP_EXTENT_UNWRITTEN) != 0,
          (extent.fe_flags & FIEMAP_EXTENT_SHARED) != 0,
          (extent.fe_flags & kUnmapped) != 0};
}

}  // namespace

Status list_extents(int fd, uint64_t position, uint64_t length, ExtentSync sync, ExtentList* extents) {
  const uint64_t end = position + length;
  Request request;
  for (uint64_t next = position; next < end;) {
    struct fiemap* const header = request.header();
    memset(header, 0, sizeof *header);
    header->fm_start = next;
    header->fm_length = end - next;
    header->fm_flags = sync == ExtentSync::yes ? FIEMAP_FLAG_SYNC : 0;
    header->fm_extent_count = kPerCall;
    const int result = uninterrupted([&] { return ioctl(fd, FS_IOC_FIEMAP, header); });
    if (result != 0) return {errno, "ioctl"};

    const uint32_t count = header->fm_mapped_extents;
    if (count == 0) return {};
    for (uint32_t i = 0; i < count; i++) extents->push_back(from_kernel(request.extents()[i]));
    const struct fiemap_extent& last = request.extents()[count - 1];
    if ((last.fe_flags & FIEMAP_EXTENT_LAST) != 0) return {};
    // The file may be changing meanwhile; an answer that does not advance would otherwise be asked for ever.
    if (last.fe_logical + last.fe_length <= next) return {EIO, "ioctl"};
    next = last.fe_logical + last.fe_length;
  }
  return {};
}

}  // namespace pmem
