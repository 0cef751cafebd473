#include "sigbus_guard.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>
#include <sys/syscall.h>
#include <unistd.h>

#include "mapped_ranges.h"
#include "mapping.h"
#include "substitution.h"

namespace pmem {

__thread GuardFrame* volatile active_frame SAFE_PMEM_TLS = nullptr;

namespace {

// An action that was installed when we were not on top. Written before `layer_count` is released, never changed after.
struct Layer {
  struct sigaction action;
  std::atomic<bool> spent;
};

constexpr int kMaxLayers = 8;
Layer layers[kMaxLayers];
std::atomic<int> layer_count{0};
std::mutex install_mutex;
std::atomic<uint64_t> advisory_count{0};
static_assert(std::atomic<uint64_t>::is_always_lock_free, "used in a signal handler");

// Which delivery this thread is handing down the layers, and how far down it is. A handler above us that chains to us
// enters us again for the same delivery, and must get the layer below its own, or the two would call each other for
// ever. What tells the same delivery from the next is a mark in the signal frame itself: uc_link, which the kernel sets
// to null whenever it builds a frame and nobody reads when a handler returns. Neither the frame's address nor the depth
// of the stack can tell: a handler that jumps out leaves our state behind, and the next fault of the same code is
// delivered at the very same address. The mark dies with its frame, so what a jump leaves behind matches nothing.
struct Delivery {
  uintptr_t mark;
  uint64_t count;
  int depth;
};
__thread Delivery delivery SAFE_PMEM_TLS = {0, 0, 0};

// Differs from every mark that this thread has met before, also from those of another copy of this library in the same
// process, whose marks are recognised and left in place: each copy then counts its own layers. Never 0.
uintptr_t new_mark() {
  delivery.count++;
  return (static_cast<uintptr_t>(delivery.count) << 32) | (reinterpret_cast<uintptr_t>(&delivery) & 0xffffffffU);
}

// The kernel's own codes are positive; kill, sigqueue and tgkill give zero or less.
bool is_synchronous(int code) { return code > 0 && code != BUS_MCEERR_AO; }

FaultFacts facts_of(const siginfo_t* info) {
  FaultFacts facts{reinterpret_cast<uintptr_t>(info->si_addr), info->si_code, 0};
  if (info->si_code == BUS_MCEERR_AR || info->si_code == BUS_MCEERR_AO) {
    const int log2 = info->si_addr_lsb;
    facts.granule_log2 = log2 > 0 && log2 < 48 ? log2 : 0;
  }
  return facts;
}

// The kernel may name the start of the granule (2 MiB for a huge page) rather than the byte: compare granules.
bool touches(const GuardFrame* frame, const FaultFacts& fault) {
  const uintptr_t granule = uintptr_t{1} << fault.granule_log2;
  const uintptr_t first = fault.address & ~(granule - 1);
  return first < frame->end && frame->begin <= first + (granule - 1);
}

// The kernel's sigset is _NSIG / 8 bytes; glibc's type is longer, and what lies behind it in a signal frame is not ours.
void restore_mask_of(const void* context) {
  sigset_t mask;
  sigemptyset(&mask);
  memcpy(&mask, &static_cast<const ucontext_t*>(context)->uc_sigmask, _NSIG / 8);
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
}

// Dies as if no handler had been there: the same siginfo, and a core dump whose registers are those of the faulting
// instruction. The signal is queued while blocked, so it is delivered when the handlers have returned and the kernel
// has restored the mask. Returning alone would not do: kill(2) and madvise(MADV_HWPOISON) do not fault again.
void die_by_default(siginfo_t* info) {
  struct sigaction fallback;
  memset(&fallback, 0, sizeof fallback);
  fallback.sa_handler = SIG_DFL;
  sigaction(SIGBUS, &fallback, nullptr);
  sigset_t only_sigbus;
  sigemptyset(&only_sigbus);
  sigaddset(&only_sigbus, SIGBUS);
  pthread_sigmask(SIG_BLOCK, &only_sigbus, nullptr);
  syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGBUS, info);
}

// Calls a previous handler under the mask that the kernel would have given it.
void call_handler(Layer& layer, siginfo_t* info, void* context) {
  const struct sigaction& action = layer.action;
  sigset_t blocked = action.sa_mask;
  if ((action.sa_flags & SA_NODEFER) == 0) sigaddset(&blocked, SIGBUS);
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  if ((action.sa_flags & SA_SIGINFO) != 0) {
    action.sa_sigaction(SIGBUS, info, context);
  } else {
    action.sa_handler(SIGBUS);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void hand_to_layer(int index, siginfo_t* info, void* context) {
  if (index < 0) return die_by_default(info);
  Layer& layer = layers[index];
  const bool plain = (layer.action.sa_flags & SA_SIGINFO) == 0;
  if (plain && layer.action.sa_handler == SIG_IGN) {
    // The kernel does not let a process ignore a fault of its own either.
    if (is_synchronous(info->si_code)) die_by_default(info);
    return;
  }
  if (plain && layer.action.sa_handler == SIG_DFL) return die_by_default(info);
  if ((layer.action.sa_flags & static_cast<int>(SA_RESETHAND)) != 0 && layer.spent.exchange(true)) {
    return die_by_default(info);
  }
  call_handler(layer, info, context);
}

void chain(siginfo_t* info, void* context) {
  ucontext_t* const frame = static_cast<ucontext_t*>(context);
  const uintptr_t found = frame == nullptr ? 0 : reinterpret_cast<uintptr_t>(frame->uc_link);
  const uintptr_t mark = found != 0 ? found : new_mark();
  const uintptr_t outer_mark = delivery.mark;
  const int outer_depth = delivery.depth;
  const int depth = outer_mark == mark ? outer_depth + 1 : 0;
  delivery.mark = mark;
  delivery.depth = depth;
  if (frame != nullptr) frame->uc_link = reinterpret_cast<ucontext_t*>(mark);
  hand_to_layer(layer_count.load(std::memory_order_acquire) - 1 - depth, info, context);
  if (frame != nullptr) frame->uc_link = reinterpret_cast<ucontext_t*>(found);
  delivery.mark = outer_mark;
  delivery.depth = outer_depth;
}

// A guard that is armed on this thread and did not claim the fault changes nothing: our own copies touch only what they
// guard. The mapping is whole pages, although its last byte need not be a page's.
bool substitute(const FaultFacts& fault, const FoundRange& range) {
  if (range.log == nullptr) return false;
  const uintptr_t page = page_bytes();
  return range.log->substitute(fault, range.begin, (range.end + page - 1) & ~(page - 1));
}

void on_sigbus(int, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  const FaultFacts fault = facts_of(info);
  GuardFrame* const frame = active_frame;
  if (frame != nullptr && is_synchronous(fault.signal_code) && touches(frame, fault)) {
    frame->fault = fault;
    active_frame = nullptr;
    restore_mask_of(context);
    errno = saved_errno;
    siglongjmp(frame->landing, 1);
  }
  const FoundRange range = find_mapped_range(fault.address);
  if (fault.signal_code == BUS_MCEERR_AO && range.end != 0) {
    // Advisory: the memory is lost, but no thread has touched it. The access that does will fault, and is answered.
    // The previous action must not see it: by default it would kill a process that has not been harmed.
    advisory_count.fetch_add(1, std::memory_order_relaxed);
  } else if (!is_synchronous(fault.signal_code) || !substitute(fault, range)) {
    chain(info, context);
  }
  errno = saved_errno;
}

bool is_ours(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == on_sigbus;
}

bool same_action(const struct sigaction& a, const struct sigaction& b) {
  return a.sa_flags == b.sa_flags && ((a.sa_flags & SA_SIGINFO) != 0 ? a.sa_sigaction == b.sa_sigaction
                                                                    : a.sa_handler == b.sa_handler);
}

}  // namespace

// SA_SIGINFO: the address decides whose fault it is. SA_ONSTACK: a thread with a small stack (Go, some runtimes) keeps
// its handlers on an alternate one; where there is none the flag does nothing. SA_NODEFER: the handler is left by
// siglongjmp, which skips sigreturn; had the kernel blocked SIGBUS meanwhile, the next fault of this thread would
// kill. sigsetjmp(…, 0) saves no mask, because that costs a system call in every copy: the mask is put back in the
// handler instead, from the interrupted context, which is also right when a handler above us that does block SIGBUS
// chains to us. One limit: leaving a handler by a jump does not re-enable an SS_AUTODISARM alternate stack.
int install_sigbus_guard() {
  const std::lock_guard<std::mutex> lock(install_mutex);
  struct sigaction current;
  if (sigaction(SIGBUS, nullptr, &current) != 0) return errno;
  if (is_ours(current)) return 0;

  // Somebody may chain to us or not, and there is no safe way to ask. On top of them both cases work: ours are claimed
  // first, the rest goes to them, and what they hand back goes to the layer below (see Delivery).
  const int count = layer_count.load(std::memory_order_relaxed);
  const bool known = count > 0 && same_action(layers[count - 1].action, current);
  if (!known && count < kMaxLayers) {
    layers[count].action = current;
    layers[count].spent.store(false, std::memory_order_relaxed);
    layer_count.store(count + 1, std::memory_order_release);
  }
  struct sigaction guard;
  memset(&guard, 0, sizeof guard);
  guard.sa_sigaction = on_sigbus;
  guard.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&guard.sa_mask);
  return sigaction(SIGBUS, &guard, nullptr) == 0 ? 0 : errno;
}

void unblock_sigbus_on_this_thread() {
  sigset_t only_sigbus;
  sigemptyset(&only_sigbus);
  sigaddset(&only_sigbus, SIGBUS);
  pthread_sigmask(SIG_UNBLOCK, &only_sigbus, nullptr);
}

uint64_t advisory_memory_errors() { return advisory_count.load(std::memory_order_relaxed); }

}  // namespace pmem
