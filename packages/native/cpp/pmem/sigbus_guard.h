// The process-wide SIGBUS handler, and the per-thread guard that tells it which faults are ours.
//
// A thread that is about to touch mapped memory fills a GuardFrame on its stack and arms it. A SIGBUS of this very
// thread while the frame is armed, for an access to [begin, end), continues at `landing`. Memory of ours that is
// touched without a guard is answered by substitution (substitution.h), and only in the mapping that is being touched.
// Every other SIGBUS goes to the action that was there before us. The reasons for each step: docs/internals/sigbus.md.
#pragma once

#include <atomic>
#include <csetjmp>
#include <cstdint>

// The handler reads the guard of a thread that may never have touched this library. glibc's default TLS model for a
// dlopened library allocates such a variable on first access, and malloc inside a signal handler can deadlock; the
// initial-exec model is a fixed offset from the thread pointer. It draws on the few hundred bytes of static TLS that
// glibc keeps for dlopen; we take 64, and if they are gone the addon fails to load, loudly. musl refuses
// initial-exec in a dlopened library, but allocates every library's TLS at dlopen and pthread_create, so there the
// default model is safe.
#if defined(__GLIBC__)
#define SAFE_PMEM_TLS __attribute__((tls_model("initial-exec")))
#else
#define SAFE_PMEM_TLS
#endif

namespace pmem {

// A caught SIGBUS: si_addr, si_code, and si_addr_lsb if the code carries one (else 0).
struct FaultFacts {
  uintptr_t address;
  int signal_code;
  int granule_log2;
};

struct GuardFrame {
  uintptr_t begin;
  uintptr_t end;
  FaultFacts fault;
  sigjmp_buf landing;
};

// __thread, not thread_local: no constructor, hence no lazy-initialisation call in the handler or the hot path.
extern __thread GuardFrame* volatile active_frame SAFE_PMEM_TLS;

// Nothing that the compiler can see reads the pointer between the two calls, so an ordinary store would be dropped at
// -O2 and the guard silently never armed. `volatile` keeps the store, and the fence keeps the copy on this side of it.
inline void arm(GuardFrame* frame) {
  active_frame = frame;
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

inline void disarm() {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  active_frame = nullptr;
}

// Puts the handler on top: at the first open, and again whenever it may have been replaced since. Returns 0 or errno.
// Thread-safe. Never undone: whoever installed above us may hold our address.
int install_sigbus_guard();

// install_sigbus_guard() if it has been called before, else nothing. One system call if no other action has taken the
// handler's place: until then faults of ours go to that action.
void keep_sigbus_guard();

// A synchronous SIGBUS on a thread that blocks the signal kills the process without asking any handler.
void unblock_sigbus_on_this_thread();

// How many times the kernel has named memory mapped by this library as lost that nothing was accessing: by
// BUS_MCEERR_AO, or by a BUS_MCEERR_AR whose access was to another mapping.
uint64_t advisory_memory_errors();

}  // namespace pmem
