// Which signals the handler takes for its own: by address and granule, and advisory ones by the list of mappings.
#include "check.h"
#include "scratch.h"
#include "sigbus_scene.h"

using namespace scene;
using scratch::exited;
using scratch::in_child;
using scratch::killed_by;

TEST(advisory_ours, "BUS_MCEERR_AO about our memory is counted and kills nobody") {
  CHECK(exited(in_child([] {
    const Pages pages;
    if (pmem::install_sigbus_guard() != 0) return 1;
    if (send_to_self(BUS_MCEERR_AO, pages.ours->base() + 100) != 0) return 2;
    return pmem::advisory_memory_errors() == 1 && pages.our_fault_is_caught() ? 0 : 3;
  }), 0));
}

TEST(advisory_foreign, "BUS_MCEERR_AO about other memory goes to the previous action") {
  CHECK(killed_by(in_child([] {
    const Pages pages;
    if (pmem::install_sigbus_guard() != 0) return 1;
    send_to_self(BUS_MCEERR_AO, const_cast<char*>(pages.foreign));
    return 2;
  }), SIGBUS));
}

TEST(advisory_unmapped, "memory that is unmapped again is no longer ours") {
  CHECK(killed_by(in_child([] {
    Pages pages;
    if (pmem::install_sigbus_guard() != 0) return 1;
    const void* const was = pages.ours->base();
    pages.ours.reset();
    send_to_self(BUS_MCEERR_AO, was);
    return 2;
  }), SIGBUS));
}

TEST(huge_granule, "a fault that names the start of its huge page is claimed by a copy inside that page") {
  CHECK(exited(in_child([] {
    if (pmem::install_sigbus_guard() != 0) return 1;
    const uintptr_t huge = uintptr_t{7} << 21;
    pmem::GuardFrame frame;
    frame.begin = huge + 5000;
    frame.end = huge + 5100;
    if (sigsetjmp(frame.landing, 0) == 0) {
      pmem::arm(&frame);
      siginfo_t info;
      memset(&info, 0, sizeof info);
      info.si_signo = SIGBUS;
      info.si_code = BUS_MCEERR_AR;
      info.si_addr = reinterpret_cast<void*>(huge);
      info.si_addr_lsb = 21;
      syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGBUS, &info);
      return 2;
    }
    return frame.fault.address == huge && frame.fault.granule_log2 == 21 && frame.fault.signal_code == 4 ? 0 : 3;
  }), 0));
}

TEST(next_granule, "a fault in the huge page after the copy is not claimed") {
  CHECK(killed_by(in_child([] {
    if (pmem::install_sigbus_guard() != 0) return 1;
    const uintptr_t huge = uintptr_t{7} << 21;
    pmem::GuardFrame frame;
    frame.begin = huge - 100;
    frame.end = huge;
    if (sigsetjmp(frame.landing, 0) == 0) {
      pmem::arm(&frame);
      siginfo_t info;
      memset(&info, 0, sizeof info);
      info.si_signo = SIGBUS;
      info.si_code = BUS_MCEERR_AR;
      info.si_addr = reinterpret_cast<void*>(huge);
      info.si_addr_lsb = 21;
      syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGBUS, &info);
      return 2;
    }
    return 3;
  }), SIGBUS));
}

static void name_the_aligned_sixteen(int signal, siginfo_t* info, void* context) {
  calls++;
  if (calls > 100) _exit(93);
  siginfo_t told = *info;
  told.si_addr = reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(info->si_addr) & ~uintptr_t{15});
  below.sa_sigaction(signal, &told, context);
}

TEST(aligned_access, "a fault that names the aligned 16 bytes around the byte is at the byte") {
  CHECK(exited(in_child([] {
    const Pages pages;
    if (pmem::install_sigbus_guard() != 0) return 1;
    install(nullptr, name_the_aligned_sixteen, 0, &below);
    unsigned char* const gone = pages.ours->base() + 107;
    for (size_t length : {1, 2, 3, 4, 8, 20}) {
      unsigned char bytes[20];
      pmem::FaultFacts fault;
      if (pmem::guarded_copy(bytes, gone, length, gone, &fault)) return 2;
      const uintptr_t begin = reinterpret_cast<uintptr_t>(gone);
      if (fault.address < begin || fault.address >= begin + length) return 3;
      if (pages.ours->log()->count() != 0) return 4;
    }
    return 0;
  }), 0));
}

TEST(errno_kept, "a handler that returns leaves errno as it was") {
  CHECK(exited(in_child([] {
    const Pages pages;
    if (pmem::install_sigbus_guard() != 0) return 1;
    errno = 77;
    send_to_self(BUS_MCEERR_AO, pages.ours->base());
    return errno == 77 ? 0 : 2;
  }), 0));
}
