// Faults that no guard claims, in memory of ours: answered by pages of zeros and a log.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <sys/mman.h>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "../pmem/guarded_copy.h"
#include "../pmem/mapping.h"
#include "../pmem/sigbus_guard.h"
#include "../pmem/view_mapping.h"
#include "check.h"
#include "scratch.h"

using pmem::FaultFacts;
using pmem::Mapping;
using pmem::ViewMapping;
using scratch::kPage;

namespace {

// Mappings of a file of this name in the process.
int mappings_of(const std::string& path) {
  FILE* const maps = fopen("/proc/self/maps", "re");
  if (maps == nullptr) abort();
  char line[4096];
  int found = 0;
  while (fgets(line, sizeof line, maps) != nullptr) found += strstr(line, path.c_str()) != nullptr ? 1 : 0;
  fclose(maps);
  return found;
}

struct Scene {
  scratch::Directory directory;
  int fd;
  std::shared_ptr<Mapping> mapping;

  explicit Scene(uint64_t pages) : fd(scratch::create(directory.file("f"), pages * kPage)) {
    if (!Mapping::map(fd, pages * kPage, true, &mapping).ok() || pmem::install_sigbus_guard() != 0) abort();
    memset(mapping->base(), 0x5a, pages * kPage);
  }
  ~Scene() { close(fd); }

  void keep_pages(uint64_t pages) const {
    if (ftruncate(fd, static_cast<off_t>(pages * kPage)) != 0) abort();
  }
  volatile unsigned char* at(uint64_t page) const { return mapping->base() + page * kPage; }
};

}  // namespace

TEST(substituted, "a load that no guard covers goes on with zeros, and the log tells") {
  const Scene scene(4);
  scene.keep_pages(2);
  CHECK(scene.mapping->log()->count() == 0);
  CHECK(scene.at(2)[10] == 0);
  REQUIRE(scene.mapping->log()->count() == 1);
  // The tests that poison pages rely on it: mapped again, a page would have lost the poison.
  CHECK(scene.mapping->log()->record(0)->kept != nullptr);
  FaultFacts fault;
  REQUIRE(scene.mapping->take_fault(scene.fd, &fault));
  CHECK(fault.address == reinterpret_cast<uintptr_t>(scene.mapping->base()) + 2 * kPage + 10);
  CHECK(scene.mapping->log()->count() == 0 && !scene.mapping->take_fault(scene.fd, &fault));
  // The page is the file's again, and faults again.
  CHECK(scene.at(2)[11] == 0);
  CHECK(scene.mapping->log()->count() == 1);
  REQUIRE(scene.mapping->take_fault(scene.fd, &fault));
  scene.keep_pages(4);
  scene.at(2)[10] = 7;
  CHECK(scene.mapping->log()->count() == 0);
  unsigned char byte = 0;
  CHECK(pread(scene.fd, &byte, 1, 2 * kPage + 10) == 1 && byte == 7);
}

TEST(substituted_stores, "a store that finds no page reaches no file, and its neighbours do") {
  const Scene scene(4);
  scene.keep_pages(2);
  memset(const_cast<unsigned char*>(scene.at(2)) - 8, 9, 16);
  FaultFacts fault;
  REQUIRE(scene.mapping->take_fault(scene.fd, &fault));
  scene.keep_pages(4);
  unsigned char bytes[16];
  REQUIRE(pread(scene.fd, bytes, 16, 2 * kPage - 8) == 16);
  CHECK(bytes[7] == 9 && bytes[8] == 0);
}

TEST(guard_first, "a guarded copy keeps its own faults") {
  const Scene scene(2);
  scene.keep_pages(1);
  char byte;
  FaultFacts fault;
  unsigned char* const gone = scene.mapping->base() + kPage;
  CHECK(!pmem::guarded_copy(&byte, gone, 1, gone, &fault));
  CHECK(scene.mapping->log()->count() == 0);
}

TEST(overflow, "more faults than the log has room for put the whole mapping back") {
  const Scene scene(40);
  for (uint64_t page = 0; page < 40; page++) scene.at(page)[0] = static_cast<unsigned char>(page + 1);
  scene.keep_pages(1);
  // The fifth takes the rest away with it, so that there is no sixth.
  for (uint64_t page = 1; page < 40; page++) CHECK(scene.at(page)[0] == 0);
  CHECK(scene.mapping->log()->count() == 5 && !scene.mapping->log()->complete());
  FaultFacts fault;
  REQUIRE(scene.mapping->take_fault(scene.fd, &fault));
  scene.keep_pages(40);
  CHECK(mappings_of(scene.directory.file("f")) == 1);
  CHECK(scene.at(0)[0] == 1);
  for (uint64_t page = 1; page < 40; page++) scene.at(page)[0] = 3;
  CHECK(scene.mapping->log()->count() == 0);
  unsigned char byte = 0;
  CHECK(pread(scene.fd, &byte, 1, 39 * kPage) == 1 && byte == 3);
}

TEST(refused, "where the kernel has no mapping left to give, the fault goes to whoever handled it before") {
  const Scene scene(2);
  scene.keep_pages(1);
  const int status = scratch::in_child([&] {
    const rlimit none = {1, 1};
    if (setrlimit(RLIMIT_AS, &none) != 0) return 1;
    return scene.at(1)[0] == 0 ? 2 : 3;
  });
  CHECK(scratch::killed_by(status, SIGBUS));
}

TEST(abandoned, "what was put aside and never brought back goes with the mapping") {
  std::string path;
  {
    const Scene scene(4);
    path = scene.directory.file("f");
    scene.keep_pages(1);
    CHECK(scene.at(2)[0] == 0);
    CHECK(mappings_of(path) > 1);
  }
  CHECK(mappings_of(path) == 0);
}

TEST(view, "a view reads the file, keeps stores to itself, and records every page it could not get") {
  const Scene scene(8);
  std::shared_ptr<ViewMapping> view;
  REQUIRE(ViewMapping::map(scene.fd, kPage + 100, 5 * kPage, false, &view).ok());
  CHECK(view->position() == kPage && view->length() == 6 * kPage);
  volatile unsigned char* const bytes = view->base();
  CHECK(bytes[0] == 0x5a);
  scene.at(1)[5] = 6;
  CHECK(bytes[5] == 6);
  bytes[6] = 99;
  CHECK(scene.at(1)[6] == 0x5a);
  scene.keep_pages(4);
  CHECK(bytes[2 * kPage] == 0x5a && bytes[3 * kPage] == 0 && bytes[5 * kPage + 7] == 0 && bytes[3 * kPage + 1] == 0);
  REQUIRE(view->log()->count() == 2 && view->log()->complete());
  const uintptr_t base = reinterpret_cast<uintptr_t>(view->base());
  CHECK(view->log()->record(0)->begin.load() == base + 3 * kPage && view->log()->record(0)->end.load() == base + 4 * kPage);
  CHECK(view->log()->record(1)->fault.address == base + 5 * kPage + 7);
}

TEST(view_as_source, "a guarded copy out of a view that cannot be read goes on, and the view is marked") {
  const Scene scene(4);
  std::shared_ptr<ViewMapping> view;
  REQUIRE(ViewMapping::map(scene.fd, 2 * kPage, kPage, false, &view).ok());
  scene.keep_pages(1);
  FaultFacts fault;
  CHECK(pmem::guarded_copy(scene.mapping->base(), view->base(), 16, scene.mapping->base(), &fault));
  CHECK(view->log()->count() == 1);
}

TEST(view_threads, "threads that fault in one view at once lose no fault") {
  const Scene scene(64);
  std::shared_ptr<ViewMapping> view;
  REQUIRE(ViewMapping::map(scene.fd, 0, 64 * kPage, false, &view).ok());
  scene.keep_pages(0);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; i++) {
    threads.emplace_back([&, i] {
      for (uint64_t page = static_cast<uint64_t>(i); page < 64; page += 4) {
        if (static_cast<volatile unsigned char*>(view->base())[page * kPage] != 0) abort();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(view->log()->count() == 64 && view->log()->complete());
}

TEST(granule, "a fault that names a larger granule takes the page that was touched, and no other") {
  const Scene scene(16);
  const uintptr_t base = reinterpret_cast<uintptr_t>(scene.mapping->base());
  const FaultFacts fault = {base + 5 * kPage + 9, 4, 21};
  CHECK(scene.mapping->log()->substitute(fault, base, base + 16 * kPage));
  CHECK(scene.at(4)[0] == 0x5a && scene.at(5)[0] == 0 && scene.at(6)[0] == 0x5a);
  FaultFacts taken;
  REQUIRE(scene.mapping->take_fault(scene.fd, &taken));
  CHECK(taken.address == fault.address && taken.granule_log2 == 21 && scene.at(5)[0] == 0x5a);
}

TEST(strided, "a view of which more pages fail than can be recorded is zeros all over, and says so") {
  const Scene scene(4096);
  std::shared_ptr<ViewMapping> view;
  REQUIRE(ViewMapping::map(scene.fd, 0, 4096 * kPage, false, &view).ok());
  const std::string path = scene.directory.file("f");
  scene.keep_pages(1);
  const volatile unsigned char* const bytes = view->base();
  for (uint64_t page = 1; page < 4096; page += 2) CHECK(bytes[page * kPage] == 0);
  CHECK(bytes[0] == 0);
  CHECK(view->log()->count() > 0 && !view->log()->complete() && view->log()->recorded());
  CHECK(view->log()->record(0)->fault.address == reinterpret_cast<uintptr_t>(view->base()) + kPage);
  // Nothing is left of the file but its own mapping.
  CHECK(mappings_of(path) == 1);
}

// ThreadSanitizer needs map entries of its own while it runs, and ends the process that has none.
#ifndef __SANITIZE_THREAD__
TEST(no_entries_left, "with no map entry left for a piece the whole mapping is replaced, and comes back") {
  CHECK(scratch::exited(scratch::in_child([] {
    const Scene scene(9);
    std::shared_ptr<ViewMapping> view;
    if (!ViewMapping::map(scene.fd, 0, 9 * kPage, false, &view).ok()) return 1;
    scene.keep_pages(5);
    // One page after the other cut off from the rest of some memory, until the kernel splits no mapping any more.
    constexpr uint64_t kPieces = 1 << 20;
    void* const memory = mmap(nullptr, kPieces * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char* const pieces = static_cast<char*>(memory);
    const auto cut = [&](uint64_t piece) {
      return mprotect(pieces + piece * kPage, (kPieces - piece) * kPage, piece % 2 == 0 ? PROT_NONE : PROT_READ) == 0;
    };
    uint64_t piece = 1;
    while (piece < kPieces && cut(piece)) piece++;
    if (piece >= kPieces || errno != ENOMEM) return 2;
    if (static_cast<volatile unsigned char*>(view->base())[6 * kPage] != 0) return 3;
    if (view->log()->count() != 1 || view->log()->record(0) == nullptr || view->log()->complete()) return 4;
    if (view->base()[0] != 0) return 7;
    if (scene.at(6)[1] != 0 || scene.mapping->log()->count() != 1) return 5;
    FaultFacts fault;
    if (!scene.mapping->take_fault(scene.fd, &fault)) return 6;
    return scene.at(4)[0] == 0x5a && scene.mapping->length() == 9 * kPage ? 0 : 8;
  }), 0));
}
#endif

TEST(disturbed_persist, "a persist does not take zeros that stand in a page's place for the page") {
  const Scene scene(4);
  scene.keep_pages(2);
  CHECK(scene.at(3)[0] == 0);
  const pmem::PersistOutcome outcome = scene.mapping->persist(0, 4 * kPage);
  CHECK(outcome.faulted && outcome.fault.address == reinterpret_cast<uintptr_t>(scene.mapping->base()) + 3 * kPage);
  FaultFacts fault;
  REQUIRE(scene.mapping->take_fault(scene.fd, &fault));
  scene.keep_pages(4);
  const pmem::PersistOutcome whole = scene.mapping->persist(0, 4 * kPage);
  CHECK(!whole.faulted && whole.status.ok());
}
