// What a signal handler is told of the code it interrupted, and the one change it makes to it.
#pragma once

#include <cstdint>

#include "memory_operands.h"

namespace pmem {

// The state of the interrupted thread as the kernel saved it (the third argument of a handler). Async-signal-safe.
class SignalContext {
 public:
  explicit SignalContext(void* context) : context_(context) {}

  // False if the caller of the handler passed none on.
  bool present() const { return context_ != nullptr; }
  uintptr_t program_counter() const;
  uintptr_t stack_pointer() const;
  // The memory that the interrupted instruction accesses. Not known if its code cannot be read, or is not decoded.
  MemoryOperands operands() const;
  // The address that the CPU itself reported with the last page fault of this thread; 0 if there is none. It may be
  // that of an earlier fault: it says nothing alone.
  uintptr_t page_fault_address() const;
  // Differs if any general register does.
  uint64_t registers_digest() const;
  // Makes the thread go on in `function(argument)`, below its red zone, when the handler has returned. `function` must
  // not return. False: this architecture is not known, and nothing was changed.
  bool redirect(void (*function)(void*), void* argument) const;

 private:
  void* context_;
};

}  // namespace pmem
