// A SIGBUS that is not ours goes to whoever was there before, exactly as if we were not.
#include "check.h"
#include "scratch.h"
#include "sigbus_scene.h"

using namespace scene;
using scratch::exited;
using scratch::in_child;
using scratch::killed_by;

// Still has something to do when the handler below returns, so its call is no jump and the handler below runs on a
// deeper stack than it did when the kernel called it.
static void chaining_handler_with_a_frame(int signal, siginfo_t* info, void* context) {
  chaining_handler(signal, info, context);
  calls++;
}

TEST(to_siginfo, "a foreign fault reaches a previous SA_SIGINFO handler, with its address and mask") {
  CHECK(exited(in_child([] {
    const Pages pages;
    install(nullptr, siginfo_handler, 0);
    if (pmem::install_sigbus_guard() != 0 || !pages.our_fault_is_caught() || calls != 0) return 1;
    for (int i = 1; i <= 3; i++) {
      if (!foreign_fault_lands(pages) || calls != i) return 2;
      if (code != BUS_ADRERR || address != reinterpret_cast<uintptr_t>(pages.foreign)) return 3;
      if (!was_blocked) return 4;
      if (!pages.our_fault_is_caught() || calls != i) return 5;
    }
    return 0;
  }), 0));
}

TEST(to_plain, "a foreign fault reaches a previous plain handler") {
  CHECK(exited(in_child([] {
    const Pages pages;
    install(plain_handler, nullptr, 0);
    if (pmem::install_sigbus_guard() != 0) return 1;
    for (int i = 1; i <= 3; i++) {
      if (!foreign_fault_lands(pages) || calls != i || !was_blocked) return 2;
      if (!pages.our_fault_is_caught()) return 3;
    }
    return 0;
  }), 0));
}

TEST(to_default, "a foreign fault kills a process that had no handler") {
  CHECK(killed_by(in_child([] {
    const Pages pages;
    if (pmem::install_sigbus_guard() != 0 || !pages.our_fault_is_caught()) return 1;
    return foreign_fault_lands(pages) ? 2 : 3;
  }), SIGBUS));
}

TEST(to_ignored, "a foreign fault kills a process that ignores SIGBUS, as the kernel would") {
  CHECK(killed_by(in_child([] {
    const Pages pages;
    install(SIG_IGN, nullptr, 0);
    if (pmem::install_sigbus_guard() != 0 || !pages.our_fault_is_caught()) return 1;
    return foreign_fault_lands(pages) ? 2 : 3;
  }), SIGBUS));
}

TEST(kill_default, "kill -BUS kills a process that had no handler") {
  CHECK(killed_by(in_child([] {
    if (pmem::install_sigbus_guard() != 0) return 1;
    kill(getpid(), SIGBUS);
    return 2;
  }), SIGBUS));
}

TEST(kill_ignored, "kill -BUS is ignored where it was ignored") {
  CHECK(exited(in_child([] {
    const Pages pages;
    install(SIG_IGN, nullptr, 0);
    if (pmem::install_sigbus_guard() != 0) return 1;
    kill(getpid(), SIGBUS);
    return pages.our_fault_is_caught() ? 0 : 2;
  }), 0));
}

TEST(kill_handled, "kill -BUS reaches a previous handler once") {
  CHECK(exited(in_child([] {
    install(counting_handler, nullptr, 0);
    if (pmem::install_sigbus_guard() != 0) return 1;
    kill(getpid(), SIGBUS);
    return calls == 1 ? 0 : 2;
  }), 0));
}

TEST(one_shot, "a previous SA_RESETHAND handler is called once, and the next fault kills") {
  CHECK(killed_by(in_child([] {
    const Pages pages;
    install(nullptr, siginfo_handler, static_cast<int>(SA_RESETHAND));
    if (pmem::install_sigbus_guard() != 0) return 1;
    if (!foreign_fault_lands(pages) || calls != 1) return 2;
    return foreign_fault_lands(pages) ? 3 : 4;
  }), SIGBUS));
}

TEST(on_top, "a handler above us that blocks SIGBUS and chains to us leaves the guard working") {
  CHECK(exited(in_child([] {
    const Pages pages;
    if (pmem::install_sigbus_guard() != 0) return 1;
    install(nullptr, chaining_handler, 0, &below);
    for (int i = 1; i <= 3; i++) {
      if (!pages.our_fault_is_caught() || calls != i) return 2;
    }
    return 0;
  }), 0));
}

TEST(on_top_foreign, "a handler above us gets the default action from us for what is not ours") {
  CHECK(killed_by(in_child([] {
    const Pages pages;
    if (pmem::install_sigbus_guard() != 0) return 1;
    install(nullptr, chaining_handler, 0, &below);
    return foreign_fault_lands(pages) ? 2 : 3;
  }), SIGBUS));
}

TEST(replaced, "a later open puts the guard back on top of a handler that does not chain") {
  CHECK(exited(in_child([] {
    const Pages pages;
    if (pmem::install_sigbus_guard() != 0) return 1;
    install(nullptr, siginfo_handler, 0);
    if (pmem::install_sigbus_guard() != 0) return 2;
    if (!pages.our_fault_is_caught() || calls != 0) return 3;
    return foreign_fault_lands(pages) && calls == 1 ? 0 : 4;
  }), 0));
}

TEST(both_on_top, "two handlers that chain to each other do not call each other for ever") {
  CHECK(killed_by(in_child([] {
    const Pages pages;
    if (pmem::install_sigbus_guard() != 0) return 1;
    install(nullptr, chaining_handler, 0, &below);
    if (pmem::install_sigbus_guard() != 0) return 2;
    if (!pages.our_fault_is_caught() || calls != 0) return 3;
    return foreign_fault_lands(pages) ? 4 : 5;
  }), SIGBUS));
  CHECK(exited(in_child([] {
    const Pages pages;
    install(nullptr, siginfo_handler, 0);
    if (pmem::install_sigbus_guard() != 0) return 1;
    install(nullptr, chaining_handler, SA_NODEFER, &below);
    if (pmem::install_sigbus_guard() != 0) return 2;
    // Through us, the chaining one, us again, and the first: twice, so that no mark is left behind by the jump.
    if (!foreign_fault_lands(pages) || calls != 2) return 3;
    return foreign_fault_lands(pages) && calls == 4 ? 0 : 4;
  }), 0));
}

TEST(jumped_below_then_on_top, "a handler that jumps out leaves nothing behind that misleads one installed above us later") {
  for (const int flags : {0, SA_NODEFER}) {
    CHECK(exited(in_child([flags] {
      const Pages pages;
      install(nullptr, siginfo_handler, 0);
      if (pmem::install_sigbus_guard() != 0) return 1;
      for (int i = 1; i <= 3; i++) {
        if (!foreign_fault_lands(pages) || calls != i) return 2;
      }
      install(nullptr, chaining_handler_with_a_frame, flags, &below);
      // The same code faults at the same depth of the stack: the kernel's frames have the same address as before. The
      // foreign handler jumps out of both; a fault of ours lets the handler above finish, and so is counted by it
      // twice.
      for (int i = 1; i <= 3; i++) {
        if (!foreign_fault_lands(pages) || calls != 4 * i + 1) return 3;
        if (!pages.our_fault_is_caught() || calls != 4 * i + 3) return 4;
      }
      return 0;
    }), 0));
  }
}

TEST(many_layers, "handlers that come and go a hundred times do not run the guard out of room") {
  CHECK(exited(in_child([] {
    const Pages pages;
    for (int i = 0; i < 100; i++) {
      if (i % 2 == 0) install(SIG_DFL, nullptr, 0);
      else install(nullptr, siginfo_handler, 0);
      if (pmem::install_sigbus_guard() != 0 || !pages.our_fault_is_caught()) return 1;
    }
    if (calls != 0) return 2;
    // The one that was there last, not one of those before it.
    return foreign_fault_lands(pages) && calls == 1 ? 0 : 3;
  }), 0));
}

TEST(last_was_default, "after a hundred handlers that were taken away again a foreign fault kills") {
  CHECK(killed_by(in_child([] {
    const Pages pages;
    for (int i = 0; i < 100; i++) {
      install(counting_handler, nullptr, 0);
      if (pmem::install_sigbus_guard() != 0) return 1;
      install(SIG_DFL, nullptr, 0);
      if (pmem::install_sigbus_guard() != 0) return 2;
    }
    return foreign_fault_lands(pages) ? 3 : 4;
  }), SIGBUS));
}

TEST(one_shot_again, "a one-shot handler that is installed again is called again") {
  CHECK(exited(in_child([] {
    const Pages pages;
    for (int i = 1; i <= 3; i++) {
      install(nullptr, siginfo_handler, static_cast<int>(SA_RESETHAND));
      if (pmem::install_sigbus_guard() != 0) return 1;
      if (!foreign_fault_lands(pages) || calls != i) return 2;
    }
    return 0;
  }), 0));
}
