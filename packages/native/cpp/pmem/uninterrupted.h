// Calls that a signal may cut short before they have done anything.
#pragma once

#include <cerrno>

namespace pmem {

// A signal now and then costs a few tries. A filesystem in user space may answer EINTR to every try: then EINTR is the
// outcome, and the caller reports it instead of asking for ever.
constexpr int kInterruptedTriesMax = 100;

// Repeats `call` while it answers -1 with EINTR; returns what its last try returned, with errno as that left it.
template <typename Call>
auto uninterrupted(Call call) {
  auto result = call();
  for (int tries = 1; result == -1 && errno == EINTR && tries < kInterruptedTriesMax; tries++) result = call();
  return result;
}

}  // namespace pmem
