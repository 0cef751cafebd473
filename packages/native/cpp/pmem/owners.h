// The owner of a file, if that can be told. A user namespace maps some users only, and shows all others by one number
// (overflowuid, mostly 65534): two files of that number may belong to different users.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

namespace pmem {

// Stands for every user, and every group, that is not known. chown(2) leaves an owner as it is for this number.
constexpr uid_t kUnknownUser = static_cast<uid_t>(-1);
constexpr gid_t kUnknownGroup = static_cast<gid_t>(-1);

// `facts` are those of the open file `fd`.
uid_t owner_of(int fd, const struct stat& facts);
gid_t group_of(const struct stat& facts);

}  // namespace pmem
