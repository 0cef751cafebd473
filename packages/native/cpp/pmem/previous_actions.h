// The actions of SIGBUS from before the guard, which still answer every signal that is not the guard's.
#pragma once

#include <csignal>

namespace pmem {

using SignalHandler = void (*)(int, siginfo_t*, void*);

// Makes `handler` the action of SIGBUS and remembers the one it replaces. Does nothing if it is the action already.
// Returns 0 or errno. Thread-safe.
int put_on_top(SignalHandler handler);

// Async-signal-safe. Does with the signal what would have been done with it without the guard.
void hand_to_previous_action(siginfo_t* info, void* context);

// The kernel's own codes are positive; kill, sigqueue and tgkill give zero or less. An advisory one belongs to no
// instruction.
bool is_synchronous(int signal_code);

}  // namespace pmem
