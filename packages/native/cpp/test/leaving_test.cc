// How a caught fault leaves the handler: by returning to the kernel, which restores all that it had saved.
#include <csignal>
#include <cstring>

#include "../pmem/guarded_copy.h"
#include "../pmem/signal_context.h"
#include "check.h"
#include "scratch.h"
#include "sigbus_scene.h"

using namespace scene;
using scratch::exited;
using scratch::in_child;

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

TEST(autodisarm, "an alternate stack that disarms itself is armed again after each fault") {
  CHECK(exited(in_child([] {
    const Pages pages;
    if (pmem::install_sigbus_guard() != 0) return 1;
    static char memory[1 << 16];
    stack_t stack;
    memset(&stack, 0, sizeof stack);
    stack.ss_sp = memory;
    stack.ss_size = sizeof memory;
    stack.ss_flags = static_cast<int>(SS_AUTODISARM);
    if (sigaltstack(&stack, nullptr) != 0) return 2;
    for (int i = 0; i < 3; i++) {
      if (!pages.our_fault_is_caught()) return 3;
      stack_t now;
      if (sigaltstack(nullptr, &now) != 0 || (now.ss_flags & SS_DISABLE) != 0 || now.ss_sp != memory) return 4;
    }
    return 0;
  }), 0));
}

TEST(mask_restored, "the mask after a fault is the mask before it, also under a handler that blocks more") {
  CHECK(exited(in_child([] {
    const Pages pages;
    if (pmem::install_sigbus_guard() != 0) return 1;
    install(nullptr, chaining_handler, 0, &below);
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &usr1, nullptr);
    if (!pages.our_fault_is_caught() || calls != 1) return 2;
    sigset_t now;
    pthread_sigmask(SIG_BLOCK, nullptr, &now);
    return sigismember(&now, SIGUSR1) == 1 && sigismember(&now, SIGUSR2) == 0 && sigismember(&now, SIGBUS) == 0 ? 0 : 3;
  }), 0));
}

static volatile sig_atomic_t finished = 0;

static void chaining_handler_that_finishes(int signal, siginfo_t* info, void* context) {
  chaining_handler(signal, info, context);
  finished = finished + 1;
}

TEST(handlers_above_finish, "a handler above the guard's runs to its end") {
  CHECK(exited(in_child([] {
    const Pages pages;
    if (pmem::install_sigbus_guard() != 0) return 1;
    install(nullptr, chaining_handler_that_finishes, 0, &below);
    return pages.our_fault_is_caught() && pages.our_fault_is_caught() && finished == 2 ? 0 : 2;
  }), 0));
}

#if defined(__x86_64__)
TEST(direction_flag, "a copy that ran downwards when it faulted does not leave the direction flag set") {
  CHECK(exited(in_child([] {
    const Pages pages;
    if (pmem::install_sigbus_guard() != 0) return 1;
    pmem::GuardFrame frame;
    frame.begin = reinterpret_cast<uintptr_t>(pages.ours->base());
    frame.end = frame.begin + scratch::kPage;
    if (sigsetjmp(frame.landing, 0) == 0) {
      pmem::arm(&frame);
      asm volatile("std\n\tmovb (%0), %%al\n\tcld" ::"r"(frame.begin) : "rax", "memory");
      return 2;
    }
    uint64_t flags = 0;
    asm volatile("pushfq\n\tpopq %0" : "=r"(flags)::"memory");
    asm volatile("cld");
    return (flags & 0x400) == 0 ? 0 : 3;
  }), 0));
}

static sigjmp_buf redirected;
static uintptr_t interrupted_stack = 0;
static uintptr_t landing_stack = 0;

__attribute__((noinline)) static void note_stack(void*) {
  landing_stack = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  siglongjmp(redirected, 1);
}

static void redirecting_handler(int, siginfo_t*, void* context) {
  const pmem::SignalContext interrupted(context);
  interrupted_stack = interrupted.stack_pointer();
  if (!interrupted.redirect(note_stack, nullptr)) _exit(94);
}

TEST(stack_of_landing, "the code that is landed in has an aligned stack below all that the interrupted code may use") {
  CHECK(exited(in_child([] {
    const Pages pages;
    install(nullptr, redirecting_handler, 0);
    for (uint64_t shift = 0; shift < 16; shift++) {
      if (sigsetjmp(redirected, 1) == 0) {
        asm volatile("mov %%rsp, %%r12\n\tsub %1, %%rsp\n\tmovb (%0), %%al\n\tmov %%r12, %%rsp"
                     ::"r"(pages.foreign), "r"(128 + shift) : "rax", "r12", "memory");
        return 1;
      }
      if (landing_stack % 16 != 0 || landing_stack > interrupted_stack - 128) return 2;
    }
    return 0;
  }), 0));
}
#endif
