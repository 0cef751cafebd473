// Stores that persist: what they leave in memory, with lines of every alignment. That they reach the medium no test of a
// CPU can see; here is what else can go wrong.
#include <cstring>
#include <unistd.h>
#include <vector>

#include "../pmem/guarded_copy.h"
#include "../pmem/mapping.h"
#include "../pmem/persist.h"
#include "../pmem/streaming_copy.h"
#include "check.h"
#include "scratch.h"

using pmem::FaultFacts;
using pmem::Mapping;
using scratch::kPage;

namespace {

std::vector<uintptr_t> flushed;
void record_flush(uintptr_t begin, uintptr_t end) {
  for (uintptr_t line = begin & ~uintptr_t{63}; line < end; line += 64) flushed.push_back(line);
}

}  // namespace

TEST(streaming, "a copy past the cache moves exactly the bytes, at every alignment and around every length of lines") {
  alignas(64) static unsigned char target[4096];
  static unsigned char source[4096];
  for (size_t i = 0; i < sizeof source; i++) source[i] = static_cast<unsigned char>(i * 7 + 1);
  for (size_t at : {0, 1, 15, 16, 63, 64, 65}) {
    for (size_t length : {size_t{0}, size_t{1}, size_t{63}, size_t{64}, size_t{65}, size_t{127}, size_t{1024}, size_t{2000}}) {
      memset(target, 0, sizeof target);
      if (!pmem::copy_past_cache(target + at, source + 3, length)) return;
      CHECK(memcmp(target + at, source + 3, length) == 0);
      for (size_t i = 0; i < sizeof target; i++) CHECK((i >= at && i < at + length) || target[i] == 0);
    }
  }
}

TEST(durable_copy, "every line that the stores leave in the cache is flushed") {
  alignas(64) static unsigned char target[8192];
  static unsigned char source[8192];
  memset(source, 5, sizeof source);
  for (size_t at : {0, 10, 64, 100}) {
    for (size_t length : {size_t{1}, size_t{64}, size_t{300}, pmem::kStreamingBytes - 1, pmem::kStreamingBytes, size_t{5000}}) {
      flushed.clear();
      FaultFacts fault;
      CHECK(pmem::guarded_durable_copy(record_flush, target + at, source, length, &fault));
      CHECK(memcmp(target + at, source, length) == 0);
      const uintptr_t begin = reinterpret_cast<uintptr_t>(target + at);
      const auto was_flushed = [&](uintptr_t byte) {
        for (const uintptr_t line : flushed) {
          if (byte >= line && byte < line + 64) return true;
        }
        return false;
      };
      // The first and last line may be covered in part, so ordinary stores reach them.
      CHECK(was_flushed(begin) && was_flushed(begin + length - 1));
      if (length < pmem::kStreamingBytes) {
        for (size_t i = 0; i < length; i++) CHECK(was_flushed(begin + i));
      }
    }
  }
}

TEST(durable_fault, "a durable copy into a page that is gone is caught, short or streaming") {
  const scratch::Directory directory;
  const int fd = scratch::create(directory.file("f"), 4 * kPage);
  std::shared_ptr<Mapping> mapping;
  REQUIRE(Mapping::map(fd, 4 * kPage, true, &mapping).ok() && pmem::install_sigbus_guard() == 0);
  REQUIRE(ftruncate(fd, static_cast<off_t>(2 * kPage)) == 0);
  std::vector<unsigned char> source(3 * kPage, 1);
  for (const uint64_t length : {uint64_t{10}, 3 * kPage}) {
    FaultFacts fault = {0, 0, 0};
    unsigned char* const to = mapping->base() + (length == 10 ? 2 * kPage + 50 : kPage);
    CHECK(!pmem::guarded_durable_copy(record_flush, to, source.data(), length, &fault));
    CHECK(fault.address >= reinterpret_cast<uintptr_t>(mapping->base()) + 2 * kPage);
    const pmem::PersistOutcome outcome = mapping->write_and_persist(static_cast<uint64_t>(to - mapping->base()), source.data(), length);
    CHECK(outcome.faulted && outcome.fault.address >= reinterpret_cast<uintptr_t>(mapping->base()) + 2 * kPage);
  }
  close(fd);
}

TEST(persist_all, "ranges in any order are persisted together, and none is no work") {
  const scratch::Directory directory;
  const int fd = scratch::create(directory.file("f"), 16 * kPage);
  std::shared_ptr<Mapping> mapping;
  REQUIRE(Mapping::map(fd, 16 * kPage, true, &mapping).ok());
  const pmem::Range ranges[] = {{9 * kPage + 7, 3}, {100, 1}, {15 * kPage, kPage}, {5, 0}};
  const pmem::PersistOutcome outcome = mapping->persist_all(ranges, 4);
  CHECK(outcome.ok());
  CHECK(mapping->persist_all(nullptr, 0).ok());
  close(fd);
}

TEST(persist_truncated, "a persist by msync tells of bytes that the file has lost, also within its last page") {
  const scratch::Directory directory;
  const int fd = scratch::create(directory.file("f"), 4 * kPage);
  std::shared_ptr<Mapping> mapping;
  REQUIRE(Mapping::map(fd, 4 * kPage, true, &mapping).ok());
  REQUIRE(ftruncate(fd, static_cast<off_t>(2 * kPage + 100)) == 0);
  CHECK(mapping->persist(0, 2 * kPage + 100).ok());
  if (!mapping->persists_by_flush()) {
    const pmem::PersistOutcome cut = mapping->persist(2 * kPage + 99, 2);
    CHECK(!cut.ok() && cut.truncated && cut.file_size == 2 * kPage + 100);
  }
  close(fd);
}
