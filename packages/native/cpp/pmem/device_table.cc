#include "device_table.h"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "file_descriptor.h"
#include "uninterrupted.h"

namespace pmem {
namespace {

constexpr char kControl[] = "/dev/mapper/control";
constexpr size_t kFirstBytes = 16 * 1024;
// A table of a thousand targets takes 64 KiB.
constexpr size_t kBytesMax = 4 * 1024 * 1024;

const Status kMalformed{EPROTO, "ioctl"};

// Aligned as the structures in it have to be.
struct Answer {
  explicit Answer(size_t bytes) : words(bytes / sizeof(uint64_t)) {}

  dm_ioctl* header() { return reinterpret_cast<dm_ioctl*>(words.data()); }
  const char* bytes() const { return reinterpret_cast<const char*>(words.data()); }

  std::vector<uint64_t> words;
};

Status ask(int control, uint32_t major, uint32_t minor, Answer* answer) {
  dm_ioctl* const header = answer->header();
  // The oldest version that has the command: the kernel refuses one that is newer than its own.
  header->version[0] = 4;
  header->version[1] = 0;
  header->version[2] = 0;
  header->data_size = static_cast<uint32_t>(answer->words.size() * sizeof(uint64_t));
  header->data_start = sizeof(dm_ioctl);
  header->flags = DM_STATUS_TABLE_FLAG;
  header->dev = makedev(major, minor);
  const int result = uninterrupted([&] { return ioctl(control, DM_TABLE_STATUS, header); });
  return result == 0 ? Status{} : Status{errno, "ioctl"};
}

// Every offset in the answer is compared with its length before it is used.
bool parse(Answer* answer, std::vector<TableTarget>* targets) {
  const dm_ioctl& header = *answer->header();
  const size_t size = answer->words.size() * sizeof(uint64_t);
  if (header.data_start > size) return false;
  const char* const data = answer->bytes() + header.data_start;
  const size_t length = size - header.data_start;
  size_t at = 0;
  for (uint32_t i = 0; i < header.target_count; i++) {
    if (at > length || length - at < sizeof(dm_target_spec)) return false;
    dm_target_spec spec;
    memcpy(&spec, data + at, sizeof spec);
    const char* const text = data + at + sizeof spec;
    const size_t room = length - at - sizeof spec;
    const size_t text_length = strnlen(text, room);
    if (text_length == room) return false;
    TableTarget target;
    target.first_sector = spec.sector_start;
    target.sectors = spec.length;
    target.type.assign(spec.target_type, strnlen(spec.target_type, sizeof spec.target_type));
    target.parameters.assign(text, text_length);
    targets->push_back(target);
    if (spec.next <= at && i + 1 < header.target_count) return false;
    at = spec.next;
  }
  return true;
}

}  // namespace

DeviceTable device_table(uint32_t major, uint32_t minor) {
  DeviceTable table;
  const FileDescriptor control(open(kControl, O_RDWR | O_CLOEXEC));
  if (!control.valid()) {
    table.status = {errno, "open"};
    return table;
  }
  for (size_t bytes = kFirstBytes; bytes <= kBytesMax; bytes *= 4) {
    Answer answer(bytes);
    table.status = ask(control.number(), major, minor, &answer);
    if (!table.status.ok()) return table;
    if ((answer.header()->flags & DM_BUFFER_FULL_FLAG) != 0) continue;
    if (!parse(&answer, &table.targets)) table.status = kMalformed;
    return table;
  }
  table.status = {EFBIG, "ioctl"};
  return table;
}

}  // namespace pmem
