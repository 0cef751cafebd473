#include "media.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "ask_statx.h"
#include "extents.h"
#include "uninterrupted.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef EHWPOISON
#define EHWPOISON 133
#endif

namespace pmem {
namespace {

Status status_of(int result, const char* call) { return result == 0 ? Status{} : Status{errno, call}; }

// SEEK_DATA calls preallocated blocks holes as well, though they have storage; FIEMAP tells them apart. tmpfs has no
// FIEMAP, and there the answer of SEEK_DATA stands.
bool is_hole(int fd, uint64_t position, uint64_t length) {
  const off_t data = lseek(fd, static_cast<off_t>(position), SEEK_DATA);
  const bool no_data = data == -1 ? errno == ENXIO : data > static_cast<off_t>(position);
  if (!no_data) return false;
  ExtentList extents;
  if (!list_extents(fd, position, length, ExtentSync::no, &extents).ok()) return true;
  return std::none_of(extents.begin(), extents.end(), [&](const FileExtent& extent) {
    return extent.offset <= position && position < extent.offset + extent.length;
  });
}

// Has the kernel map the pages, as a load would, but loads nothing. Kernels before 5.14 do not know the call: EINVAL.
bool is_poisoned_in_memory(void* mapped, uint64_t length) {
  return mapped != nullptr && madvise(mapped, length, MADV_POPULATE_READ) != 0 && errno == EHWPOISON;
}

int read_error(int fd, uint64_t position, uint64_t length) {
  constexpr uint64_t kLargestProbe = uint64_t{1} << 20;
  const size_t bytes = static_cast<size_t>(std::min(length, kLargestProbe));
  void* scratch = malloc(bytes == 0 ? 1 : bytes);
  if (scratch == nullptr) return ENOMEM;
  const Transferred read = read_at(fd, scratch, bytes, position);
  free(scratch);
  return read.error;
}

uint64_t block_bytes(const struct statfs& filesystem) {
  return static_cast<uint64_t>(filesystem.f_frsize != 0 ? filesystem.f_frsize : filesystem.f_bsize);
}

// Says if ext4 is too small for `bytes` more of the file. A fallocate that does not fit takes all free blocks there,
// and gives them back when it has failed (Linux 6.18: 400 ms for 70 GiB): other processes that write meanwhile get
// ENOSPC. Blocks that the file has already may be where they are wanted. Only ext4 is asked: XFS and btrfs do not yet
// call the blocks of a file free that was deleted just now, and give them to fallocate all the same. What does not fit
// XFS refuses at once, and btrfs without taking any.
bool cannot_hold(int fd, uint64_t bytes) {
  struct stat facts;
  struct statfs filesystem;
  if (fstat(fd, &facts) != 0 || fstatfs(fd, &filesystem) != 0) return false;
  if (filesystem.f_type != EXT4_SUPER_MAGIC) return false;
  const uint64_t own = static_cast<uint64_t>(facts.st_blocks) * 512;
  return bytes > own && (bytes - own) / block_bytes(filesystem) > filesystem.f_bfree;
}

uint64_t blocks_of(int fd) {
  struct stat facts;
  return fstat(fd, &facts) == 0 ? static_cast<uint64_t>(facts.st_blocks) : 0;
}

// Gives back what a failed fallocate has left past the end of the file. A truncation to the size that the file has does
// that; but what others append between the question and the truncation would be cut off. Those that waited for the call
// to end append first, so the size must have been the same for a while. If others append all the time, the blocks stay.
void give_back(int fd) {
  constexpr int kTries = 50;
  const struct timespec pause = {0, 1'000'000};
  for (int tries = 0; tries < kTries; tries++) {
    uint64_t before = 0, after = 0;
    if (!file_size(fd, &before).ok()) return;
    nanosleep(&pause, nullptr);
    if (!file_size(fd, &after).ok()) return;
    if (before != after) continue;
    truncate_to(fd, after);
    return;
  }
}

// After a fallocate has failed that could not be told to keep the size: a server may have grown the file by what did
// fit. That is taken back, unless something has been stored there since.
void take_back_growth(int fd, uint64_t before) {
  if (lseek(fd, static_cast<off_t>(before), SEEK_DATA) == -1 && errno == ENXIO) truncate_to(fd, before);
}

// Blocks first, and the size only when all of them are there: a growth that fails, or is killed, leaves the size as it
// is, and what others append meanwhile lies where they have put it.
Status grow_allocated(int fd, uint64_t before, uint64_t size) {
  const auto allocate = [fd](int mode, uint64_t from, uint64_t to) {
    return uninterrupted([&] { return fallocate(fd, mode, static_cast<off_t>(from), static_cast<off_t>(to - from)); });
  };
  const uint64_t had = blocks_of(fd);
  bool keeps_size = true;
  int allocated = allocate(FALLOC_FL_KEEP_SIZE, before, size);
  if (allocated == 0) {
    allocated = allocate(0, size - 1, size);
  } else if (errno == EOPNOTSUPP || errno == EINVAL) {
    keeps_size = false;
    allocated = allocate(0, before, size);
  }
  if (allocated == 0) return {};
  const Status failure{errno, "fallocate"};
  if (!keeps_size) take_back_growth(fd, before);
  else if (blocks_of(fd) > had) give_back(fd);
  return failure;
}

}  // namespace

Transferred read_at(int fd, void* target, size_t length, uint64_t position) {
  const ssize_t got = uninterrupted([&] { return pread(fd, target, length, static_cast<off_t>(position)); });
  return got >= 0 ? Transferred{static_cast<size_t>(got), 0} : Transferred{0, errno};
}

Transferred write_at(int fd, const void* source, size_t length, uint64_t position) {
  const ssize_t put = uninterrupted([&] { return pwrite(fd, source, length, static_cast<off_t>(position)); });
  return put >= 0 ? Transferred{static_cast<size_t>(put), 0} : Transferred{0, errno};
}

Transferred scrub_range(int fd, uint64_t position, uint64_t length) {
  // Measured in the page cache: calls of 128 KiB take a third longer, and longer ones than these are no faster.
  constexpr size_t kScratchBytes = size_t{1} << 20;
  void* scratch = malloc(kScratchBytes);
  if (scratch == nullptr) return {0, ENOMEM};
  Transferred all;
  while (all.bytes < length) {
    const size_t asked = static_cast<size_t>(std::min<uint64_t>(kScratchBytes, length - all.bytes));
    const Transferred piece = read_at(fd, scratch, asked, position + all.bytes);
    if (piece.error != 0 && all.bytes == 0) all.error = piece.error;
    all.bytes += piece.bytes;
    if (piece.bytes < asked) break;
  }
  free(scratch);
  return all;
}

std::vector<Rewritten> rewrite_pieces(int fd, const std::vector<Rewrite>& pieces, const unsigned char* bytes) {
  std::vector<Rewritten> outcomes(pieces.size());
  for (size_t i = 0; i < pieces.size(); i++) {
    const Rewrite& piece = pieces[i];
    const Status reset = piece.reset_length == 0 ? Status{} : zero_range(fd, piece.reset_position, piece.reset_length);
    outcomes[i].reset_failed = !reset.ok();
    outcomes[i].transferred =
        reset.ok() ? write_at(fd, bytes + piece.source_offset, piece.length, piece.position)
                   : Transferred{0, reset.error};
  }
  return outcomes;
}

std::vector<Transferred> read_pieces(int fd, const std::vector<ReadPiece>& pieces, unsigned char* target) {
  std::vector<Transferred> outcomes;
  outcomes.reserve(pieces.size());
  for (const ReadPiece& piece : pieces) {
    outcomes.push_back(read_at(fd, target, piece.length, piece.position));
    target += piece.length;
  }
  return outcomes;
}

Status sync_data(int fd) {
  // Not repeated after EINTR, as msync in Mapping::sync_pages().
  return status_of(fdatasync(fd), "fdatasync");
}

Status zero_range(int fd, uint64_t position, uint64_t length) {
  return status_of(uninterrupted([&] {
                     return fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(position),
                                      static_cast<off_t>(length));
                   }),
                   "fallocate");
}

Status truncate_to(int fd, uint64_t size) {
  return status_of(uninterrupted([&] { return ftruncate(fd, static_cast<off_t>(size)); }), "ftruncate");
}

int64_t milliseconds_of(const struct timespec& time) {
  return static_cast<int64_t>(time.tv_sec) * 1000 + time.tv_nsec / 1'000'000;
}

// fstat asks for the times as well. From Linux 6.13 on (multigrain timestamps) the next change of the file then gets a
// new time, which goes into the filesystem's journal: on ext4 a flush after each fstat took 1.5 times as long.
Status file_size(int fd, uint64_t* size) {
  struct statx sized;
  if (ask_statx(fd, STATX_SIZE, &sized) && (sized.stx_mask & STATX_SIZE) != 0) {
    *size = sized.stx_size;
    return {};
  }
  struct stat facts;
  if (fstat(fd, &facts) != 0) return {errno, "fstat"};
  *size = static_cast<uint64_t>(facts.st_size);
  return {};
}

Status resize_to(int fd, uint64_t mapped, uint64_t size, bool preallocate) {
  uint64_t before = 0;
  const Status known = file_size(fd, &before);
  if (!known.ok()) return known;
  if (size >= mapped && size <= before) return {};
  if (!preallocate || size <= before) return truncate_to(fd, size);
  if (cannot_hold(fd, size - before)) return {ENOSPC, "fallocate"};
  return grow_allocated(fd, before, size);
}

BlockProbe probe_block(int fd, uint64_t position, uint64_t length, void* mapped) {
  BlockProbe probe = {{}, 0, 0, 0, false, 0};
  probe.status = file_size(fd, &probe.file_size);
  if (!probe.status.ok()) return probe;
  const int refused = read_at(fd, &probe, 0, position).error;
  if (refused != 0) {
    probe.status = {refused, "pread"};
    return probe;
  }
  probe.write_error = write_at(fd, &probe, 0, position).error;
  // Before the read, which puts zeros for an unwritten block into the page cache, where SEEK_DATA takes them for data.
  probe.hole = is_hole(fd, position, length);
  probe.read_error = read_error(fd, position, length);
  if (probe.read_error == 0 && is_poisoned_in_memory(mapped, length)) probe.read_error = EHWPOISON;
  struct statfs filesystem;
  if (fstatfs(fd, &filesystem) != 0) {
    probe.status = {errno, "fstatfs"};
    return probe;
  }
  probe.free_bytes = filesystem.f_bavail * block_bytes(filesystem);
  return probe;
}

}  // namespace pmem
