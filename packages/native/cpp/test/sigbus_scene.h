// Two pages that fault, one ours and one not, and handlers to have around. Each test runs in a child process.
#pragma once

#include <atomic>
#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <cstring>
#include <memory>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../pmem/guarded_copy.h"
#include "../pmem/mapping.h"
#include "../pmem/sigbus_guard.h"
#include "scratch.h"

namespace scene {

// Pages of two unlinked files that have been truncated to nothing: `ours` mapped by this library, `foreign` not.
struct Pages {
  std::shared_ptr<pmem::Mapping> ours;
  volatile char* foreign;

  Pages() {
    const scratch::Directory directory;
    const int fd = scratch::create(directory.file("ours"), scratch::kPage);
    if (!pmem::Mapping::map(fd, scratch::kPage, true, &ours).ok() || ftruncate(fd, 0) != 0) abort();
    const int other = scratch::create(directory.file("foreign"), scratch::kPage);
    foreign = static_cast<char*>(mmap(nullptr, scratch::kPage, PROT_READ, MAP_SHARED, other, 0));
    if (foreign == MAP_FAILED || ftruncate(other, 0) != 0) abort();
  }

  bool our_fault_is_caught() const {
    char byte;
    pmem::FaultFacts fault;
    return !pmem::guarded_copy(&byte, ours->base(), 1, ours->base(), &fault);
  }
};

// Handlers of several threads count.
inline std::atomic<int> calls{0};
inline volatile int code = 0;
inline volatile uintptr_t address = 0;
inline volatile bool was_blocked = false;
inline sigjmp_buf landing;
inline struct sigaction below;

inline void note_mask() {
  sigset_t mask;
  pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  was_blocked = sigismember(&mask, SIGBUS) == 1 && sigismember(&mask, SIGUSR2) == 1;
}

inline void siginfo_handler(int, siginfo_t* info, void* context) {
  calls++;
  code = info->si_code;
  address = reinterpret_cast<uintptr_t>(info->si_addr);
  note_mask();
  if (context == nullptr) _exit(90);
  siglongjmp(landing, 1);
}

inline void plain_handler(int signal) {
  if (signal != SIGBUS) _exit(91);
  calls++;
  note_mask();
  siglongjmp(landing, 1);
}

inline void counting_handler(int) { calls++; }

inline void chaining_handler(int signal, siginfo_t* info, void* context) {
  calls++;
  if ((below.sa_flags & SA_SIGINFO) == 0) _exit(92);
  below.sa_sigaction(signal, info, context);
}

inline void install(void (*plain)(int), void (*with_info)(int, siginfo_t*, void*), int flags, struct sigaction* before = nullptr) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  sigemptyset(&action.sa_mask);
  sigaddset(&action.sa_mask, SIGUSR2);
  action.sa_flags = flags;
  if (with_info != nullptr) {
    action.sa_sigaction = with_info;
    action.sa_flags |= SA_SIGINFO;
  } else {
    action.sa_handler = plain;
  }
  if (sigaction(SIGBUS, &action, before) != 0) abort();
}

// True if a handler jumped out of a load from the foreign page.
inline bool foreign_fault_lands(const Pages& pages) {
  if (sigsetjmp(landing, 1) != 0) return true;
  static_cast<void>(*pages.foreign);
  return false;
}

// What relabel_as_memory_failure() makes of the next faults.
inline volatile uintptr_t relabelled_address = 0;
inline volatile int relabelled_log2 = 12;

// Hands a real fault on as the kernel reports a consumed memory error whose page is mapped elsewhere too.
inline void relabel_as_memory_failure(int signal, siginfo_t* info, void* context) {
  calls++;
  // A handler that was called again and again for one access would never end.
  if (calls > 100) _exit(93);
  siginfo_t told = *info;
  told.si_code = BUS_MCEERR_AR;
  told.si_addr = reinterpret_cast<void*>(relabelled_address);
  told.si_addr_lsb = static_cast<short>(relabelled_log2);
  below.sa_sigaction(signal, &told, context);
}

inline int send_to_self(int signal_code, const void* about) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_signo = SIGBUS;
  info.si_code = signal_code;
  info.si_addr = const_cast<void*>(about);
  info.si_addr_lsb = 12;
  return static_cast<int>(syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGBUS, &info));
}

}  // namespace scene
