// BUS_MCEERR_AR whose address is that of another mapping than the one that was accessed. A handler above the guard's
// makes such signals out of real faults, so the interrupted instruction and its registers are real.
#include <cerrno>
#include <memory>
#include <thread>
#include <vector>

#include "../pmem/view_mapping.h"
#include "check.h"
#include "scratch.h"
#include "sigbus_scene.h"

using namespace scene;
using pmem::FaultFacts;
using pmem::Mapping;
using scratch::exited;
using scratch::in_child;
using scratch::killed_by;
using scratch::kPage;

namespace {

// One file, mapped twice; only its first page is left of it.
struct Twice {
  scratch::Directory directory;
  int fd;
  std::shared_ptr<Mapping> accessed;
  std::shared_ptr<Mapping> other;

  explicit Twice(uint64_t pages = 4) : fd(scratch::create(directory.file("f"), pages * kPage)) {
    if (!Mapping::map(fd, pages * kPage, true, &accessed).ok()) abort();
    if (!Mapping::map(fd, pages * kPage, true, &other).ok()) abort();
    for (uint64_t page = 0; page < pages; page++) {
      memset(accessed->base() + page * kPage, static_cast<int>(page + 1), kPage);
    }
    if (pmem::install_sigbus_guard() != 0) abort();
    install(nullptr, relabel_as_memory_failure, 0, &below);
  }
  ~Twice() { close(fd); }

  void lose_all_but_the_first() const {
    if (ftruncate(fd, kPage) != 0) abort();
  }
  void name(const std::shared_ptr<Mapping>& mapping, uint64_t offset, int log2) const {
    relabelled_address = reinterpret_cast<uintptr_t>(mapping->base()) + offset;
    relabelled_log2 = log2;
  }
  uint64_t offset_of(const FaultFacts& fault) const {
    return fault.address - reinterpret_cast<uintptr_t>(accessed->base());
  }
};

}  // namespace

TEST(guarded_named_elsewhere, "a guarded copy is told of its own byte, whichever mapping the signal names") {
  for (const int log2 : {12, 21}) {
    CHECK(exited(in_child([log2] {
      const Twice file;
      file.lose_all_but_the_first();
      file.name(file.other, 2 * kPage, log2);
      unsigned char bytes[16];
      FaultFacts fault;
      unsigned char* const gone = file.accessed->base() + 2 * kPage + 40;
      if (pmem::guarded_copy(bytes, gone, sizeof bytes, gone, &fault)) return 1;
      if (file.offset_of(fault) < 2 * kPage + 40 || file.offset_of(fault) >= 2 * kPage + 56) return 2;
      if (fault.signal_code != BUS_MCEERR_AR || fault.granule_log2 != log2) return 3;
      if (pmem::guarded_copy(gone, bytes, sizeof bytes, gone, &fault)) return 4;
      if (file.other->log()->count() != 0 || file.accessed->log()->count() != 0) return 5;
      // Every instruction that a copy is made of, at every length and alignment that selects another one.
      std::vector<unsigned char> buffer(3 * kPage);
      for (size_t length : {1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 65, 127, 200, 256, 500, 1000, 2000, 4000, 8192}) {
        calls = 0;
        if (pmem::guarded_copy(buffer.data(), gone, length, gone, &fault) || file.offset_of(fault) < 2 * kPage) return 6;
        if (pmem::guarded_copy(gone, buffer.data(), length, gone, &fault)) return 7;
        if (calls != 2 || file.offset_of(fault) < 2 * kPage || file.offset_of(fault) >= 4 * kPage) return 8;
      }
      return 0;
    }), 0));
  }
}

TEST(unguarded_named_elsewhere, "memory touched without a guard is answered where it is touched, and nowhere else") {
  for (const int log2 : {12, 21}) {
    CHECK(exited(in_child([log2] {
      const Twice file;
      file.lose_all_but_the_first();
      file.name(file.other, 3 * kPage, log2);
      if (static_cast<volatile unsigned char*>(file.accessed->base())[3 * kPage + 5] != 0) return 1;
      if (file.other->log()->count() != 0 || file.accessed->log()->count() != 1 || calls != 1) return 2;
      FaultFacts fault;
      if (!file.accessed->take_fault(file.fd, &fault) || file.offset_of(fault) != 3 * kPage + 5) return 3;
      if (ftruncate(file.fd, 4 * kPage) != 0) return 4;
      // Whole again, both of them, and what is stored arrives.
      file.other->base()[3 * kPage] = 77;
      return file.accessed->base()[3 * kPage] == 77 && file.accessed->base()[0] == 1 ? 0 : 5;
    }), 0));
  }
}

TEST(across_an_edge, "an access across two pages of which the second failed does not come back for ever") {
  CHECK(exited(in_child([] {
    const Twice file;
    file.lose_all_but_the_first();
    file.name(file.other, kPage, 12);
    uint64_t number = 1;
    const unsigned char* const across = file.accessed->base() + kPage - 4;
    asm volatile("" ::: "memory");
    memcpy(&number, across, 8);
    asm volatile("" : "+r"(number));
    // The signal does not say which of the two it was, so both are taken, and no more.
    if (file.accessed->log()->count() != 2 || !file.accessed->log()->complete() || number != 0) return 1;
    return file.other->log()->count() == 0 ? 0 : 2;
  }), 0));
}

TEST(no_access_at_all, "a signal about memory of ours that nothing accesses changes nothing") {
  for (const short log2 : {short{12}, short{21}}) {
    CHECK(exited(in_child([log2] {
      const Twice file;
      siginfo_t info;
      memset(&info, 0, sizeof info);
      info.si_signo = SIGBUS;
      info.si_code = BUS_MCEERR_AR;
      info.si_addr = file.other->base() + 2 * kPage;
      info.si_addr_lsb = log2;
      if (sigaction(SIGBUS, &below, nullptr) != 0) return 1;
      if (syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGBUS, &info) != 0) return 2;
      if (file.other->log()->count() != 0 || pmem::advisory_memory_errors() != 1) return 3;
      for (uint64_t page = 0; page < 4; page++) {
        if (file.other->base()[page * kPage] != page + 1 || file.accessed->base()[page * kPage] != page + 1) return 4;
      }
      // While a guard is armed an access is under way: it does not complete as if nothing had been.
      pmem::GuardFrame frame;
      frame.begin = reinterpret_cast<uintptr_t>(file.accessed->base());
      frame.end = frame.begin + 3 * kPage;
      if (sigsetjmp(frame.landing, 0) == 0) {
        pmem::arm(&frame);
        syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGBUS, &info);
        return 5;
      }
      // Nothing says which byte, so no page of it is named.
      return frame.fault.granule_log2 > 13 && file.other->log()->count() == 0 ? 0 : 6;
    }), 0));
  }
}

TEST(never_ending, "a signal about ours that comes back for an access of something else is handed on at last") {
  CHECK(killed_by(in_child([] {
    const Twice file;
    const Pages pages;
    file.name(file.other, kPage, 12);
    static_cast<void>(*pages.foreign);
    return 1;
  }), SIGBUS));
}

TEST(foreign_named, "an access of ours that is reported under another library's mapping of the page is ours") {
  CHECK(exited(in_child([] {
    const Twice file;
    void* const foreign = mmap(nullptr, 4 * kPage, PROT_READ, MAP_SHARED, file.fd, 0);
    file.lose_all_but_the_first();
    relabelled_address = reinterpret_cast<uintptr_t>(foreign) + 2 * kPage;
    unsigned char byte;
    FaultFacts fault;
    unsigned char* const gone = file.accessed->base() + 2 * kPage;
    if (foreign == MAP_FAILED || pmem::guarded_copy(&byte, gone, 1, gone, &fault)) return 1;
    if (file.offset_of(fault) != 2 * kPage) return 3;
    if (static_cast<volatile unsigned char*>(file.accessed->base())[kPage] != 0) return 2;
    return file.accessed->log()->count() == 1 ? 0 : 4;
  }), 0));
}

TEST(other_side_failed, "a memory error in the other side of a guarded copy is not the mapping's") {
  CHECK(killed_by(in_child([] {
    const Twice file;
    const Pages pages;
    relabelled_address = reinterpret_cast<uintptr_t>(pages.foreign);
    FaultFacts fault;
    unsigned char* const mapped = file.accessed->base();
    return pmem::guarded_copy(mapped, const_cast<const char*>(pages.foreign), 16, mapped, &fault) ? 1 : 2;
  }), SIGBUS));
}

#if defined(__x86_64__)
// One instruction with an operand on either side.
static void move_sixteen(const volatile char* from, unsigned char* to) {
  size_t length = 16;
  asm volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(length)::"memory");
}

TEST(foreign_source, "a memory error in what is stored into memory of ours is not ours, with a guard or without") {
  for (const bool guarded : {false, true}) {
    CHECK(killed_by(in_child([guarded] {
      const Twice file;
      const Pages pages;
      relabelled_address = reinterpret_cast<uintptr_t>(pages.foreign);
      pmem::GuardFrame frame;
      frame.begin = reinterpret_cast<uintptr_t>(file.accessed->base());
      frame.end = frame.begin + kPage;
      if (sigsetjmp(frame.landing, 0) != 0) return 1;
      if (guarded) pmem::arm(&frame);
      move_sixteen(pages.foreign, file.accessed->base());
      return 2;
    }), SIGBUS));
  }
}

// A page of anonymous memory in the 2 MiB around `address`.
static unsigned char* page_beside(uintptr_t address) {
  constexpr uintptr_t kHuge = uintptr_t{1} << 21;
  const uintptr_t first = address & ~(kHuge - 1);
  for (uintptr_t place = first; place < first + kHuge; place += kPage) {
    constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    void* const page = mmap(reinterpret_cast<void*>(place), kPage, PROT_READ | PROT_WRITE, kFlags, -1, 0);
    if (page == reinterpret_cast<void*>(place)) return static_cast<unsigned char*>(page);
    if (page != MAP_FAILED) munmap(page, kPage);
  }
  return nullptr;
}

TEST(beside_ours, "memory within 2 MiB of a mapping of ours that a signal names is not what failed") {
  CHECK(exited(in_child([] {
    // Longer than the gaps between libraries, so that there is room beside it.
    const Twice file(300);
    file.lose_all_but_the_first();
    file.name(file.other, 2 * kPage, 21);
    unsigned char* const beside = page_beside(relabelled_address);
    if (beside == nullptr) return 1;
    pmem::GuardFrame frame;
    frame.begin = reinterpret_cast<uintptr_t>(file.accessed->base()) + 2 * kPage;
    frame.end = frame.begin + 16;
    if (sigsetjmp(frame.landing, 0) == 0) {
      pmem::arm(&frame);
      move_sixteen(reinterpret_cast<const volatile char*>(frame.begin), beside);
      return 2;
    }
    return file.offset_of(frame.fault) == 2 * kPage && file.other->log()->count() == 0 ? 0 : 3;
  }), 0));
}

// GS has no base in user code, so this is an ordinary load by an encoding that is not decoded.
TEST(undecoded, "an access that cannot be decoded is believed where the processor names the same address") {
  CHECK(exited(in_child([] {
    const Twice file;
    file.lose_all_but_the_first();
    file.name(file.accessed, 2 * kPage + 5, 21);
    unsigned value = 77;
    asm volatile("movzbl %%gs:(%1), %0" : "=r"(value) : "r"(file.accessed->base() + 2 * kPage + 5) : "memory");
    if (value != 0 || calls != 1 || file.accessed->log()->count() != 1) return 1;
    FaultFacts fault;
    return file.accessed->take_fault(file.fd, &fault) && file.offset_of(fault) == 2 * kPage + 5 ? 0 : 2;
  }), 0));
}
#endif

TEST(view_as_other_side, "a guarded copy out of a view that failed marks the view") {
  CHECK(exited(in_child([] {
    const Twice file;
    std::shared_ptr<pmem::ViewMapping> view;
    if (!pmem::ViewMapping::map(file.fd, 0, 4 * kPage, false, &view).ok()) return 1;
    file.lose_all_but_the_first();
    file.name(file.other, 2 * kPage, 21);
    FaultFacts fault;
    unsigned char* const mapped = file.accessed->base();
    if (!pmem::guarded_copy(mapped, view->base() + 2 * kPage, 16, mapped, &fault)) return 2;
    return view->log()->count() == 1 && file.other->log()->count() == 0 ? 0 : 3;
  }), 0));
}

#if defined(__x86_64__)
// What musl's memcpy does.
bool guarded_string_move(unsigned char* destination, const unsigned char* source, unsigned char* mapped,
                         FaultFacts* fault) {
  pmem::GuardFrame frame;
  frame.begin = reinterpret_cast<uintptr_t>(mapped);
  frame.end = frame.begin + 16;
  if (sigsetjmp(frame.landing, 0) != 0) {
    *fault = frame.fault;
    return false;
  }
  pmem::arm(&frame);
  size_t count = 16;
  asm volatile("rep movsb" : "+D"(destination), "+S"(source), "+c"(count) : : "memory");
  pmem::disarm();
  return true;
}

TEST(string_move, "a string move between two of our mappings is answered on the side that failed") {
  CHECK(exited(in_child([] {
    const Twice file;
    std::shared_ptr<pmem::ViewMapping> view;
    if (!pmem::ViewMapping::map(file.fd, 0, 4 * kPage, false, &view).ok()) return 1;
    file.lose_all_but_the_first();
    unsigned char* const mapped = file.accessed->base();
    FaultFacts fault;
    for (const int log2 : {12, 21}) {
      // Out of a page of the view that is gone, into one that is there.
      file.name(file.other, 2 * kPage, log2);
      const uint64_t page = log2 == 12 ? 1 : 2;
      if (!guarded_string_move(mapped, view->base() + page * kPage, mapped, &fault)) return 2;
      if (view->log()->count() != page) return 3;
      // Into one that is gone.
      if (guarded_string_move(mapped + 3 * kPage, view->base(), mapped + 3 * kPage, &fault)) return 4;
      if (file.offset_of(fault) < 3 * kPage || file.offset_of(fault) >= 3 * kPage + 16) return 5;
    }
    return view->log()->count() == 2 && file.other->log()->count() == 0 ? 0 : 6;
  }), 0));
}
#endif

TEST(threads_named_elsewhere, "threads that are told of each other's mappings answer in their own") {
  CHECK(exited(in_child([] {
    const Twice file(64);
    file.lose_all_but_the_first();
    file.name(file.other, 7 * kPage, 21);
    std::vector<std::thread> threads;
    std::atomic<int> wrong{0};
    for (int i = 0; i < 4; i++) {
      threads.emplace_back([&, i] {
        std::shared_ptr<pmem::ViewMapping> view;
        if (!pmem::ViewMapping::map(file.fd, 0, 64 * kPage, false, &view).ok()) abort();
        for (uint64_t page = 1; page <= 20; page++) {
          calls = 0;
          if (static_cast<volatile unsigned char*>(view->base())[page * kPage] != 0) wrong++;
          if (view->log()->count() != page) wrong++;
          unsigned char byte;
          FaultFacts fault;
          unsigned char* const gone = file.accessed->base() + page * kPage + static_cast<uint64_t>(i);
          if (pmem::guarded_copy(&byte, gone, 1, gone, &fault)) wrong++;
          if (fault.address != reinterpret_cast<uintptr_t>(gone)) wrong++;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    return wrong == 0 && file.other->log()->count() == 0 && file.accessed->log()->count() == 0 ? 0 : 1;
  }), 0));
}
