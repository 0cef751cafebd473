#include "previous_actions.h"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "sigbus_guard.h"

namespace pmem {
namespace {

// An action that was installed when the guard was not on top. Complete before `top` is released, and never changed
// after, but for `spent`.
struct Layer {
  struct sigaction action;
  const Layer* below;
  mutable std::atomic<bool> spent;
};

constexpr int kMaxLayers = 16;
Layer layers[kMaxLayers];
int layer_count = 0;
std::atomic<const Layer*> top{nullptr};
std::mutex install_mutex;

// Which delivery this thread is handing down the layers, and how far down it is. A handler above us that chains to us
// enters us again for the same delivery, and must get the layer below its own, or the two would call each other for
// ever. What tells the same delivery from the next is a mark in the signal frame itself: uc_link, which the kernel sets
// to null whenever it builds a frame and does not read when a handler returns. Neither the frame's address nor the
// depth of the stack can tell: a handler that jumps out leaves our state behind, and the next fault of the same code is
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
void call_handler(const struct sigaction& action, siginfo_t* info, void* context) {
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

bool is_plain(const struct sigaction& action, void (*handler)(int)) {
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == handler;
}

void hand_to_layer(const Layer* layer, siginfo_t* info, void* context) {
  if (layer == nullptr || is_plain(layer->action, SIG_DFL)) return die_by_default(info);
  if (is_plain(layer->action, SIG_IGN)) {
    // The kernel does not let a process ignore a fault of its own either.
    if (is_synchronous(info->si_code)) die_by_default(info);
    return;
  }
  const bool one_shot = (layer->action.sa_flags & static_cast<int>(SA_RESETHAND)) != 0;
  if (one_shot && layer->spent.exchange(true)) return die_by_default(info);
  call_handler(layer->action, info, context);
}

bool is_action(const struct sigaction& action, SignalHandler handler) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == handler;
}

bool same_action(const struct sigaction& a, const struct sigaction& b) {
  return a.sa_flags == b.sa_flags && ((a.sa_flags & SA_SIGINFO) != 0 ? a.sa_sigaction == b.sa_sigaction
                                                                    : a.sa_handler == b.sa_handler);
}

// The layer of an action that is the current one although it is not the guard's. An action that is among the layers
// already was put back by its owner, and is what it was: so a listener that is added and removed for ever takes two
// layers. What is below SIG_DFL and SIG_IGN is never called. nullptr: there is no room for another layer.
const Layer* layer_of(const struct sigaction& current, const Layer* below) {
  for (const Layer* layer = below; layer != nullptr; layer = layer->below) {
    if (same_action(layer->action, current)) return layer;
  }
  const Layer* beneath = is_plain(current, SIG_DFL) || is_plain(current, SIG_IGN) ? nullptr : below;
  const Layer* like = nullptr;
  for (int i = 0; i < layer_count; i++) {
    if (!same_action(layers[i].action, current)) continue;
    like = &layers[i];
    if (like->below == beneath) return like;
  }
  if (layer_count == kMaxLayers) return like;
  Layer& made = layers[layer_count++];
  made.action = current;
  made.below = beneath;
  return &made;
}

}  // namespace

bool is_synchronous(int signal_code) { return signal_code > 0 && signal_code != BUS_MCEERR_AO; }

void hand_to_previous_action(siginfo_t* info, void* context) {
  ucontext_t* const frame = static_cast<ucontext_t*>(context);
  const uintptr_t found = frame == nullptr ? 0 : reinterpret_cast<uintptr_t>(frame->uc_link);
  const uintptr_t mark = found != 0 ? found : new_mark();
  const uintptr_t outer_mark = delivery.mark;
  const int outer_depth = delivery.depth;
  const int depth = outer_mark == mark ? outer_depth + 1 : 0;
  delivery.mark = mark;
  delivery.depth = depth;
  if (frame != nullptr) frame->uc_link = reinterpret_cast<ucontext_t*>(mark);
  const Layer* layer = top.load(std::memory_order_acquire);
  for (int i = 0; i < depth && layer != nullptr; i++) layer = layer->below;
  hand_to_layer(layer, info, context);
  if (frame != nullptr) frame->uc_link = reinterpret_cast<ucontext_t*>(found);
  delivery.mark = outer_mark;
  delivery.depth = outer_depth;
}

// SA_SIGINFO: the address decides whose fault it is. SA_ONSTACK: a thread with a small stack (Go, some runtimes) keeps
// its handlers on an alternate one; if there is none, the flag does nothing. SA_NODEFER: a handler above us may jump
// out of a signal that it handed to us first; had the kernel blocked SIGBUS meanwhile, the next fault of this thread
// would kill.
int put_on_top(SignalHandler handler) {
  const std::lock_guard<std::mutex> lock(install_mutex);
  struct sigaction current;
  if (sigaction(SIGBUS, nullptr, &current) != 0) return errno;
  if (is_action(current, handler)) return 0;

  // A handler may chain to us or not, and there is no safe way to ask. On top of it both cases work: ours are claimed
  // first, the rest goes to it, and what it hands back goes to the layer below (see Delivery).
  const Layer* const layer = layer_of(current, top.load(std::memory_order_relaxed));
  if (layer != nullptr) {
    layer->spent.store(false, std::memory_order_relaxed);
    top.store(layer, std::memory_order_release);
  }
  struct sigaction guard;
  memset(&guard, 0, sizeof guard);
  guard.sa_sigaction = handler;
  guard.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&guard.sa_mask);
  return sigaction(SIGBUS, &guard, nullptr) == 0 ? 0 : errno;
}

}  // namespace pmem
