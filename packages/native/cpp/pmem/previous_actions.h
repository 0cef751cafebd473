// What handled SIGBUS before the guard, and still has to handle what is not the guard's.
#pragma once

#include <csignal>

namespace pmem {

using SignalHandler = void (*)(int, siginfo_t*, void*);

// Makes `handler` the action of SIGBUS and remembers the one it replaces. Does nothing where it is the action already.
// Returns 0 or errno. Thread-safe.
int put_on_top(SignalHandler handler);

// Async-signal-safe. Does with the signal what would have been done with it without the guard.
void hand_to_previous_action(siginfo_t* info, void* context);

// The kernel's own codes are positive; kill, sigqueue and tgkill give zero or less. An advisory one is synchronous to
// nothing.
bool is_synchronous(int signal_code);

}  // namespace pmem
