// The guard on real SIGBUS: truncation of a mapped file. Built with the optimisation of the published addon, because the
// classic mistake (an arming store that the compiler drops) exists only there.
#include "../pmem/guarded_copy.h"

#include <atomic>
#include <csignal>
#include <cstring>
#include <memory>
#include <sys/mman.h>
#include <thread>
#include <vector>

#include "../pmem/mapping.h"
#include "../pmem/persist.h"
#include "check.h"
#include "scratch.h"

using pmem::FaultFacts;
using pmem::Mapping;
using scratch::kPage;

namespace {

// A mapping of `pages` pages of which the file keeps only the first `kept`.
std::shared_ptr<Mapping> truncated_mapping(const scratch::Directory& directory, uint64_t pages, uint64_t kept) {
  const int fd = scratch::create(directory.file("truncated"), pages * kPage);
  std::shared_ptr<Mapping> mapping;
  if (!Mapping::map(fd, pages * kPage, true, &mapping).ok()) abort();
  memset(mapping->base(), 0x5a, kept * kPage);
  if (ftruncate(fd, static_cast<off_t>(kept * kPage)) != 0) abort();
  close(fd);
  return mapping;
}

}  // namespace

TEST(armed_in_this_build, "a fault inside a guarded copy is caught in the optimised build") {
#if !defined(__OPTIMIZE__)
  CHECK(!"this test proves nothing without optimisation");
#endif
  const scratch::Directory directory;
  const auto mapping = truncated_mapping(directory, 2, 1);
  // In a child, because a guard that is not armed kills.
  const int status = scratch::in_child([&] {
    if (pmem::install_sigbus_guard() != 0) return 1;
    char byte = 0;
    FaultFacts fault;
    return pmem::guarded_copy(&byte, mapping->base() + kPage, 1, mapping->base() + kPage, &fault) ? 2 : 0;
  });
  CHECK(scratch::exited(status, 0));
}

TEST(exact_address, "a fault names the byte, for loads and stores of any size") {
  const scratch::Directory directory;
  const auto mapping = truncated_mapping(directory, 4, 2);
  REQUIRE(pmem::install_sigbus_guard() == 0);
  std::vector<char> buffer(4 * kPage);
  for (const uint64_t length : {uint64_t{1}, uint64_t{7}, uint64_t{64}, uint64_t{255}, uint64_t{300}, kPage}) {
    for (const bool store : {false, true}) {
      unsigned char* const mapped = mapping->base() + 2 * kPage + 100;
      FaultFacts fault = {0, 0, -1};
      const bool copied = store ? pmem::guarded_copy(mapped, buffer.data(), length, mapped, &fault)
                                : pmem::guarded_copy(buffer.data(), mapped, length, mapped, &fault);
      CHECK(!copied);
      CHECK(fault.signal_code == BUS_ADRERR);
      CHECK(fault.granule_log2 == 0);
      const uintptr_t begin = reinterpret_cast<uintptr_t>(mapped);
      CHECK(fault.address >= begin && fault.address < begin + length);
      if (length == 1) CHECK(fault.address == begin);
    }
  }
}

TEST(straddling, "a copy that begins in good bytes faults in the bad ones, and good bytes are still served") {
  const scratch::Directory directory;
  const auto mapping = truncated_mapping(directory, 3, 1);
  REQUIRE(pmem::install_sigbus_guard() == 0);
  std::vector<unsigned char> buffer(2 * kPage);
  FaultFacts fault;
  CHECK(!pmem::guarded_copy(buffer.data(), mapping->base(), 2 * kPage, mapping->base(), &fault));
  CHECK(fault.address >= reinterpret_cast<uintptr_t>(mapping->base()) + kPage);
  CHECK(fault.address < reinterpret_cast<uintptr_t>(mapping->base()) + 2 * kPage);
  CHECK(pmem::guarded_copy(buffer.data(), mapping->base(), kPage, mapping->base(), &fault));
  CHECK(buffer[0] == 0x5a && buffer[kPage - 1] == 0x5a);
}

TEST(many_faults, "ten thousand faults in a row are caught and the signal stays deliverable") {
  const scratch::Directory directory;
  const auto mapping = truncated_mapping(directory, 2, 1);
  REQUIRE(pmem::install_sigbus_guard() == 0);
  int caught = 0;
  for (int i = 0; i < 10'000; i++) {
    char byte;
    FaultFacts fault;
    if (!pmem::guarded_copy(&byte, mapping->base() + kPage, 1, mapping->base() + kPage, &fault)) caught++;
  }
  CHECK(caught == 10'000);
  sigset_t mask;
  pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  CHECK(sigismember(&mask, SIGBUS) == 0);
}

TEST(other_side, "a fault on the side that is not mapped by us is not claimed") {
  const scratch::Directory directory;
  const int foreign = scratch::create(directory.file("foreign"), kPage);
  void* const bad = mmap(nullptr, kPage, PROT_READ, MAP_SHARED, foreign, 0);
  REQUIRE(bad != MAP_FAILED && ftruncate(foreign, 0) == 0);
  close(foreign);
  const scratch::Directory other;
  const int fd = scratch::create(other.file("good"), kPage);
  std::shared_ptr<Mapping> good;
  REQUIRE(Mapping::map(fd, kPage, true, &good).ok());
  close(fd);
  const int status = scratch::in_child([&] {
    if (pmem::install_sigbus_guard() != 0) return 1;
    FaultFacts fault;
    // Source: a foreign mapping that faults. Guarded: the destination.
    return pmem::guarded_copy(good->base(), bad, 16, good->base(), &fault) ? 2 : 3;
  });
  CHECK(scratch::killed_by(status, SIGBUS));
}

TEST(flush_is_guarded, "flushing lines of a page that is gone is a fault, not a death") {
  const pmem::CacheFlush& flush = pmem::best_cache_flush();
  if (flush.flush_lines == nullptr) {
    printf("     (this CPU has no flush instruction for user code: persist() uses msync)\n");
    return;
  }
  const scratch::Directory directory;
  const auto mapping = truncated_mapping(directory, 4, 1);
  REQUIRE(pmem::install_sigbus_guard() == 0);
  FaultFacts fault = {0, 0, 0};
  CHECK(pmem::guarded_flush(flush.flush_lines, mapping->base(), kPage, &fault));
  CHECK(!pmem::guarded_flush(flush.flush_lines, mapping->base() + 2 * kPage + 70, 10, &fault));
  flush.fence();
  // The instruction works on the whole line: its first byte may lie before the range, but not in another line.
  CHECK(fault.address / 64 == (reinterpret_cast<uintptr_t>(mapping->base()) + 2 * kPage + 70) / 64);
}

TEST(threads, "each thread has a guard of its own") {
  const scratch::Directory directory;
  const auto mapping = truncated_mapping(directory, 3, 1);
  REQUIRE(pmem::install_sigbus_guard() == 0);
  std::atomic<int> wrong{0};
  const auto reader = [&](uint64_t page) {
    for (int i = 0; i < 5000; i++) {
      unsigned char* const mapped = mapping->base() + page * kPage + static_cast<uint64_t>(i) % 4000;
      unsigned char bytes[16] = {};
      FaultFacts fault = {0, 0, 0};
      const bool copied = pmem::guarded_copy(bytes, mapped, sizeof bytes, mapped, &fault);
      const uintptr_t begin = reinterpret_cast<uintptr_t>(mapped);
      const bool right = page == 0 ? copied && bytes[0] == 0x5a
                                   : !copied && fault.address >= begin && fault.address < begin + sizeof bytes;
      if (!right) wrong++;
    }
  };
  std::vector<std::thread> threads;
  for (const uint64_t page : {0, 1, 2, 1}) threads.emplace_back(reader, page);
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST(install_race, "threads that install at once leave one handler and a working guard") {
  const scratch::Directory directory;
  const auto mapping = truncated_mapping(directory, 2, 1);
  const int status = scratch::in_child([&] {
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; i++) {
      threads.emplace_back([&] {
        char byte;
        FaultFacts fault;
        if (pmem::install_sigbus_guard() != 0) wrong++;
        if (pmem::guarded_copy(&byte, mapping->base() + kPage, 1, mapping->base() + kPage, &fault)) wrong++;
      });
    }
    for (std::thread& thread : threads) thread.join();
    return wrong.load();
  });
  CHECK(scratch::exited(status, 0));
}

TEST(blocked_signal, "a thread that inherited a blocked SIGBUS can be made to survive") {
  const scratch::Directory directory;
  const auto mapping = truncated_mapping(directory, 2, 1);
  const auto fault_with_blocked_signal = [&](bool unblock) {
    return scratch::in_child([&] {
      if (pmem::install_sigbus_guard() != 0) return 1;
      sigset_t only;
      sigemptyset(&only);
      sigaddset(&only, SIGBUS);
      pthread_sigmask(SIG_BLOCK, &only, nullptr);
      if (unblock) pmem::unblock_sigbus_on_this_thread();
      char byte;
      FaultFacts fault;
      return pmem::guarded_copy(&byte, mapping->base() + kPage, 1, mapping->base() + kPage, &fault) ? 2 : 0;
    });
  };
  CHECK(scratch::killed_by(fault_with_blocked_signal(false), SIGBUS));
  CHECK(scratch::exited(fault_with_blocked_signal(true), 0));
}

TEST(alternate_stack, "a fault on a thread with an alternate signal stack is caught again and again") {
  const scratch::Directory directory;
  const auto mapping = truncated_mapping(directory, 2, 1);
  REQUIRE(pmem::install_sigbus_guard() == 0);
  std::vector<char> memory(64 * 1024);
  stack_t stack = {};
  stack.ss_sp = memory.data();
  stack.ss_size = memory.size();
  stack_t before;
  REQUIRE(sigaltstack(&stack, &before) == 0);
  for (int i = 0; i < 100; i++) {
    char byte;
    FaultFacts fault;
    CHECK(!pmem::guarded_copy(&byte, mapping->base() + kPage, 1, mapping->base() + kPage, &fault));
  }
  stack_t now;
  CHECK(sigaltstack(nullptr, &now) == 0 && (now.ss_flags & SS_ONSTACK) == 0);
  sigaltstack(&before, nullptr);
}
