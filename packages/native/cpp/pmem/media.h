// The system calls that move bytes to and from the medium, or change what the file is made of. One call each, repeated
// after EINTR (see uninterrupted.h) and for no other reason, but for flushes, which are never repeated. They may block.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>

#include <vector>

#include "status.h"

namespace pmem {

struct Transferred {
  size_t bytes = 0;
  int error = 0;
};

// A piece of a file to write again: reset first if `reset_length` is not 0, then written with the bytes at
// `source_offset`.
struct Rewrite {
  uint64_t reset_position;
  uint64_t reset_length;
  uint64_t position;
  size_t source_offset;
  size_t length;
};

// What became of one. With `reset_failed`, `transferred` is that failure, and nothing was written.
struct Rewritten {
  Transferred transferred;
  bool reset_failed = false;
};

// What can be learnt about a block without a load or a store. With `status` failed nothing else means anything.
struct BlockProbe {
  Status status;
  uint64_t file_size;
  // What a pread of the block gave; EHWPOISON also if it went well, but the kernel will not map the page at `mapped`.
  int read_error;
  // What a pwrite of no bytes gave.
  int write_error;
  bool hole;
  uint64_t free_bytes;
};

Transferred read_at(int fd, void* target, size_t length, uint64_t position);
Transferred write_at(int fd, const void* source, size_t length, uint64_t position);

// Reads the range into memory that is thrown away, until a call fails or falls short.
Transferred scrub_range(int fd, uint64_t position, uint64_t length);

struct ReadPiece {
  uint64_t position;
  size_t length;
};

// One read_at() of each piece, into consecutive parts of `target`.
std::vector<Transferred> read_pieces(int fd, const std::vector<ReadPiece>& pieces, unsigned char* target);

// `bytes` holds what the pieces are to hold. A piece that fails does not keep the next from its turn.
std::vector<Rewritten> rewrite_pieces(int fd, const std::vector<Rewrite>& pieces, const unsigned char* bytes);

Status sync_data(int fd);
Status zero_range(int fd, uint64_t position, uint64_t length);
Status truncate_to(int fd, uint64_t size);
Status file_size(int fd, uint64_t* size);

// A time of a file, in milliseconds since 1970, by the clock of its filesystem.
int64_t milliseconds_of(const struct timespec& time);

// Makes the file `size` bytes long. With `preallocate` the bytes beyond the present end get storage before the size
// changes: if that fails, the size is as it was, or as others who append meanwhile have made it. ENOSPC without a try
// if ext4 has too few free blocks.
// `mapped` is what the caller takes for the size of the file: to grow from there never cuts off what others have added.
Status resize_to(int fd, uint64_t mapped, uint64_t size, bool preallocate);

// `mapped` is the block's address in memory, nullptr if that is not to be asked. `status` is a failure also if the filesystem
// refuses to read no bytes at all: ext4 and XFS do so with EIO once they have shut down, and then every EIO is worthless.
BlockProbe probe_block(int fd, uint64_t position, uint64_t length, void* mapped);

}  // namespace pmem
