// Opening, sizing, mapping and the calls on a file, on the real filesystem.
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "../pmem/durable_file.h"
#include "../pmem/extents.h"
#include "../pmem/media.h"
#include "../pmem/open_file.h"
#include "check.h"
#include "scratch.h"

using scratch::kPage;

namespace {

pmem::OpenOptions creating(uint64_t size) {
  pmem::OpenOptions options;
  options.create = true;
  options.has_size = true;
  options.size = size;
  return options;
}

}  // namespace

TEST(remap_shows_the_file, "remap puts fresh pages of the file in the place of what was mapped there") {
  const scratch::Directory directory;
  pmem::OpenedFile file;
  REQUIRE(pmem::open_file(directory.file("f").c_str(), creating(3 * kPage + 10), &file).ok());
  memset(file.mapping->base(), 0x11, 3 * kPage + 10);
  // A page that cannot be accessed stands for one whose table entry is stale.
  REQUIRE(mprotect(file.mapping->base() + kPage, kPage, PROT_NONE) == 0);
  CHECK(file.mapping->remap(file.fd.number(), kPage, kPage).ok());
  const int status = scratch::in_child([&] { return file.mapping->base()[kPage + 5] == 0x11 ? 0 : 1; });
  CHECK(scratch::exited(status, 0));
  // The last page: the range reaches past the end of the file.
  CHECK(file.mapping->remap(file.fd.number(), 3 * kPage, kPage).ok());
  CHECK(file.mapping->length() == 3 * kPage + 10);
  CHECK(file.mapping->base()[kPage + 5] == 0x11 && file.mapping->base()[3 * kPage + 9] == 0x11);
}

TEST(remap_of_a_bad_descriptor, "a remap that fails reports it and leaves every byte mapped") {
  const scratch::Directory directory;
  pmem::OpenedFile file;
  REQUIRE(pmem::open_file(directory.file("f").c_str(), creating(2 * kPage), &file).ok());
  CHECK(file.mapping->remap(-1, 0, kPage).error == EBADF);
  CHECK(file.mapping->length() == 2 * kPage);
  CHECK(file.mapping->base()[0] == 0);
}

// On tmpfs, which refuses at once what is larger than all of it. Elsewhere the disk would be full for a moment, for everybody.
TEST(growth_is_undone, "a growth that finds no space leaves the size as it was") {
  const scratch::Directory directory("/dev/shm");
  pmem::OpenedFile file;
  REQUIRE(pmem::open_file(directory.file("f").c_str(), creating(kPage + 1), &file).ok());
  struct statfs space;
  REQUIRE(fstatfs(file.fd.number(), &space) == 0);
  const uint64_t too_much = 2 * static_cast<uint64_t>(space.f_blocks) * static_cast<uint64_t>(space.f_bsize);
  CHECK(pmem::resize_to(file.fd.number(), too_much, true).error == ENOSPC);
  uint64_t size = 0;
  CHECK(pmem::file_size(file.fd.number(), &size).ok() && size == kPage + 1);
}

TEST(extents_in_pages, "a file of more extents than one FIEMAP call returns is listed whole") {
  const scratch::Directory directory;
  const int fd = scratch::create(directory.file("f"), 1600 * kPage);
  char block[4096];
  memset(block, 1, sizeof block);
  // Every other block: nothing to merge.
  for (uint64_t i = 0; i < 1600; i += 2) {
    REQUIRE(pwrite(fd, block, sizeof block, static_cast<off_t>(i * kPage)) == sizeof block);
  }
  pmem::ExtentList extents;
  const pmem::Status status = pmem::list_extents(fd, 0, 1600 * kPage, pmem::ExtentSync::yes, &extents);
  if (status.error == EOPNOTSUPP) {
    CHECK(!"this test needs a checkout on a filesystem with FIEMAP");
    close(fd);
    return;
  }
  REQUIRE(status.ok());
  uint64_t covered = 0;
  bool placed = true;
  for (const pmem::FileExtent& extent : extents) {
    covered += extent.length;
    placed = placed && !extent.unmapped && extent.physical_offset > 0;
  }
  CHECK(extents.size() == 800);
  CHECK(covered == 800 * kPage);
  CHECK(placed);
  close(fd);
}

TEST(hole_or_preallocated, "the probe calls a block without storage a hole, and a preallocated one not") {
  const scratch::Directory directory;
  const int fd = scratch::create(directory.file("f"), 8 * kPage);
  REQUIRE(fallocate(fd, 0, static_cast<off_t>(4 * kPage), static_cast<off_t>(kPage)) == 0);
  // First: once any read has brought the page into the page cache, SEEK_DATA takes it for data by itself.
  CHECK(!pmem::probe_block(fd, 4 * kPage, kPage, nullptr).hole);
  char byte = 1;
  REQUIRE(pwrite(fd, &byte, 1, 0) == 1);
  CHECK(!pmem::probe_block(fd, 0, kPage, nullptr).hole);
  CHECK(pmem::probe_block(fd, 2 * kPage, kPage, nullptr).hole);
  const pmem::BlockProbe past = pmem::probe_block(fd, 20 * kPage, kPage, nullptr);
  CHECK(past.status.ok() && past.hole && past.read_error == 0 && past.file_size == 8 * kPage && past.free_bytes > 0);
  close(fd);
  const pmem::BlockProbe closed = pmem::probe_block(fd, 0, kPage, nullptr);
  CHECK(closed.status.error == EBADF && std::string(closed.status.call) == "fstat");
}

pmem::Status replace(pmem::DurableFiles& journal, uint64_t turn, const char* text) {
  const std::string mark = "mark";
  const std::string temporary = "j.tmp";
  return journal.replace(turn, "j", {text, strlen(text), mark, temporary, false});
}

TEST(turns, "a change of the journal that was asked for earlier does not undo a later one") {
  const scratch::Directory directory;
  const int folder = open(directory.path().c_str(), O_PATH | O_DIRECTORY);
  pmem::DurableFiles journal(folder, -1, {getuid(), getgid(), 0600});
  const uint64_t first = journal.take_turn();
  const uint64_t second = journal.take_turn();
  const uint64_t third = journal.take_turn();
  CHECK(replace(journal, second, "second").ok());
  CHECK(replace(journal, first, "first").ok());
  pmem::DurableRead read = journal.read("j", 100);
  CHECK(read.state == pmem::DurableState::present && std::string(read.bytes.begin(), read.bytes.end()) == "second");
  CHECK(journal.remove(third, "j").ok());
  CHECK(replace(journal, second, "again").ok());
  CHECK(journal.read("j", 100).state == pmem::DurableState::absent);
  CHECK(!scratch::exists(directory.file("j.tmp")));
  close(folder);
}

TEST(stale_temporary, "a temporary left by a crash, even a link to elsewhere, is replaced and not followed") {
  const scratch::Directory directory;
  close(scratch::create(directory.file("precious"), 7));
  REQUIRE(symlink(directory.file("precious").c_str(), directory.file("j.tmp").c_str()) == 0);
  const int folder = open(directory.path().c_str(), O_PATH | O_DIRECTORY);
  pmem::DurableFiles journal(folder, -1, {getuid(), getgid(), 0600});
  CHECK(replace(journal, journal.take_turn(), "new").ok());
  struct stat facts;
  CHECK(lstat(directory.file("j").c_str(), &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_size == 3);
  CHECK((facts.st_mode & 0777) == 0600);
  CHECK(stat(directory.file("precious").c_str(), &facts) == 0 && facts.st_size == 7);
  close(folder);
}

TEST(failed_replacement, "a replacement that fails leaves the old content and no temporary") {
  const scratch::Directory directory;
  const int folder = open(directory.path().c_str(), O_PATH | O_DIRECTORY);
  pmem::DurableFiles journal(folder, -1, {getuid(), getgid(), 0600});
  CHECK(replace(journal, journal.take_turn(), "old").ok());
  const int status = scratch::in_child([&] {
    // Writes beyond 2 bytes of any file fail with EFBIG.
    signal(SIGXFSZ, SIG_IGN);
    const struct rlimit limit = {2, 2};
    setrlimit(RLIMIT_FSIZE, &limit);
    return replace(journal, journal.take_turn(), "newer").error == EFBIG ? 0 : 1;
  });
  CHECK(scratch::exited(status, 0));
  CHECK(!scratch::exists(directory.file("j.tmp")));
  const pmem::DurableRead read = journal.read("j", 10);
  CHECK(read.state == pmem::DurableState::present && read.bytes.size() == 3);
  close(folder);
}
