// The mark of a file: an extended attribute, which stays with the inode through renames and hard links.
#pragma once

#include <string>

#include "status.h"

namespace pmem {

enum class MarkState { present, absent, unsupported, failed };

struct MarkRead {
  MarkState state = MarkState::failed;
  std::string bytes;
  Status failure;
};

MarkRead read_mark(int fd);

// Sets the mark, or removes it if it is empty. Durable after an fsync of the file.
Status set_mark(int fd, const std::string& mark);

// set_mark() and fsync.
Status write_mark(int fd, const std::string& mark);

}  // namespace pmem
