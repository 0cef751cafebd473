#pragma once

#include <fcntl.h>
#include <linux/stat.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace pmem {

// statx(2) of a descriptor; `mask` names what is asked for. False if it is missing (Linux before 4.11) or refused by a
// seccomp filter. Not the function of the C library, which the oldest of them do not have.
inline bool ask_statx(int fd, unsigned mask, struct statx* facts) {
  return syscall(SYS_statx, fd, "", AT_EMPTY_PATH, mask, facts) == 0;
}

}  // namespace pmem
