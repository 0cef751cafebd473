// Opening: which file a path means, whether it is one that can be mapped, and what the kernel says about it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "file_descriptor.h"
#include "mapping.h"
#include "status.h"

namespace pmem {

struct OpenOptions {
  bool read_only = false;
  bool create = false;
  bool has_size = false;
  uint64_t size = 0;
  bool preallocate = false;
};

struct OpenedFile {
  FileDescriptor fd;
  // The directory (O_PATH) and the name in it: the journal is found beside the file even if the directory is renamed.
  FileDescriptor directory;
  std::string name;
  std::string path;
  std::shared_ptr<Mapping> mapping;

  // This open made the file, or found it empty and gave it its size.
  bool is_new = false;
  uint64_t inode = 0;
  // 0 if the filesystem keeps none.
  uint64_t birth_time_ns = 0;
  uint32_t device_major = 0;
  uint32_t device_minor = 0;
  uint64_t filesystem_magic = 0;
  uint64_t block_bytes = 0;
  bool dax = false;
  // kUnknownUser, kUnknownGroup: the user namespace does not tell.
  uint32_t owner = 0;
  uint32_t group = 0;
  uint32_t mode = 0;
  int64_t modified_ms = 0;
  int64_t changed_ms = 0;
};

// Resolves every symbolic link, opens, creates and sizes the file as asked, and maps it whole.
//
// Failures beyond those of open(2): EISDIR for a directory even when it is opened for reading; ENXIO for anything else
// that is not a regular file, without opening it (opening a FIFO would wait, opening a device may act); ELOOP or
// EEXIST if the name keeps changing meanwhile. `create` makes nothing through a link that leads nowhere: ENOENT.
// A new file has mode 0600 whatever the umask, and its directory entry is durable before this returns. If a creation
// fails half way, the file that it made is gone again; an existing file of 0 bytes is left with 0 bytes.
Status open_file(const char* path, const OpenOptions& options, OpenedFile* file);

// True if statx says that loads and stores of the file reach the media. False if there is no statx.
bool is_on_dax(int fd);

}  // namespace pmem
