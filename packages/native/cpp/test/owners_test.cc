// The owner of a file, as it is seen from a user namespace that maps no user.
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../pmem/owners.h"
#include "check.h"
#include "scratch.h"

namespace {

struct stat facts_of(int fd) {
  struct stat facts;
  if (fstat(fd, &facts) != 0) abort();
  return facts;
}

}  // namespace

TEST(owners_mapped, "if every user is mapped the owner is known, also one of the number that stands for others") {
  const scratch::Directory directory;
  const int fd = scratch::create(directory.file("f"), 1);
  CHECK(pmem::owner_of(fd, facts_of(fd)) == geteuid());
  struct stat others = facts_of(fd);
  others.st_uid = 65534;
  others.st_gid = 65534;
  const int status = scratch::in_child([&] {
    if (pmem::owner_of(fd, others) != 65534) return 1;
    return pmem::group_of(others) == 65534 ? 0 : 2;
  });
  CHECK(scratch::exited(status, 0));
  close(fd);
}

TEST(owners_unmapped, "if no user is mapped the owner of a file is known to that user alone") {
  const scratch::Directory directory;
  const int own = scratch::create(directory.file("own"), 1);
  const bool is_root = geteuid() == 0;
  const int other = is_root ? scratch::create(directory.file("other"), 1) : open("/etc/passwd", O_RDONLY | O_CLOEXEC);
  REQUIRE(other >= 0 && (!is_root || fchown(other, 4711, 4711) == 0));
  const int status = scratch::in_child([&] {
    if (unshare(CLONE_NEWUSER) != 0) return 1;
    const struct stat ours = facts_of(own);
    const struct stat others = facts_of(other);
    if (ours.st_uid != others.st_uid) return 2;
    if (pmem::owner_of(own, ours) != ours.st_uid) return 3;
    if (pmem::owner_of(other, others) != pmem::kUnknownUser) return 4;
    return pmem::group_of(others) == pmem::kUnknownGroup ? 0 : 5;
  });
  CHECK(scratch::exited(status, 0));
  CHECK((fcntl(own, F_GETFL) & O_NOATIME) == 0);
  close(own);
  close(other);
}
