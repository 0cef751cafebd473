// Memory of mapped files that the kernel says is lost before anything accesses it (BUS_MCEERR_AO), for code that may
// lock, allocate and wait.
//
// The kernel sends the signal to one thread of a process that has asked for it by PR_MCE_KILL_EARLY. Only a thread of
// this library asks. It blocks SIGBUS and waits for it, so that no program of the process is interrupted: neither its
// other threads nor its child processes, which would inherit the request, are told of memory that they would never
// have been told of.
#pragma once

#include <cstdint>

#include "sigbus_guard.h"
#include "status.h"

namespace pmem {

// Bytes of a file, by the numbers that stat(2) gives for it. Where the kernel did not say which page it was, all that
// it may have been.
struct MemoryNotice {
  uint32_t device_major;
  uint32_t device_minor;
  uint64_t inode;
  uint64_t position;
  uint64_t length;
};

using NoticeSink = void (*)(void* context, const MemoryNotice& notice);

// Calls `sink` for each notice about a file that this process has mapped, on the thread of this library. The first call
// starts that thread, which then sleeps for as long as the process lives. Fails if the kernel refuses the request,
// or if /proc cannot say which file is mapped at which address.
Status add_notice_sink(NoticeSink sink, void* context);
// `sink` is not running when this returns, and will not be called with `context` again.
void remove_notice_sink(void* context);

// Async-signal-safe: for the handler, if the signal came to another thread because the process or the machine had asked
// for it already. Nothing if there is no listener.
void pass_on_notice(const FaultFacts& fault);

}  // namespace pmem
