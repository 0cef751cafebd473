#include "zero_range_trial.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <vector>

#include "file_descriptor.h"
#include "media.h"
#include "open_file.h"

namespace pmem {
namespace {

constexpr unsigned char kContent = 0xa5;

Status fill(int fd, const std::vector<unsigned char>& block) {
  const Transferred written = write_at(fd, block.data(), block.size(), 0);
  if (written.error != 0) return {written.error, "pwrite"};
  if (written.bytes != block.size()) return {ENOSPC, "pwrite"};
  return sync_data(fd);
}

bool reads_zeros(int fd, std::vector<unsigned char>* block) {
  const Transferred read = read_at(fd, block->data(), block->size(), 0);
  const auto is_zero = [](unsigned char byte) { return byte == 0; };
  return read.error == 0 && read.bytes == block->size() && std::all_of(block->begin(), block->end(), is_zero);
}

Status try_on(int fd, uint64_t length, ZeroRangeTrial* trial) {
  std::vector<unsigned char> block(length, kContent);
  Status status = fill(fd, block);
  if (status.ok()) status = list_extents(fd, 0, length, ExtentSync::yes, &trial->before);
  if (status.ok()) status = zero_range(fd, 0, length);
  if (status.ok()) status = list_extents(fd, 0, length, ExtentSync::yes, &trial->after);
  if (!status.ok()) return status;
  trial->dax = is_on_dax(fd);
  trial->reads_zeros = reads_zeros(fd, &block);
  return {};
}

}  // namespace

ZeroRangeTrial try_zero_range(int directory, uint64_t length) {
  ZeroRangeTrial trial;
  const FileDescriptor file(openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  trial.status = file.valid() ? try_on(file.number(), length, &trial) : Status{errno, "open"};
  return trial;
}

}  // namespace pmem
