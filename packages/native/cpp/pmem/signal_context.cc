#include "signal_context.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

namespace pmem {
namespace {

#if defined(__x86_64__) || defined(__aarch64__)

// By system call, which fails where a load would fault: V8 may keep its code under a protection key that handlers lack.
// Sandboxes forbid the first of the two calls, and QEMU's user-mode emulation does not have it.
size_t read_code(uintptr_t address, void* bytes, size_t length) {
  const struct iovec to = {bytes, length};
  const struct iovec from = {reinterpret_cast<void*>(address), length};
  ssize_t count = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
  if (count < 0 && (errno == ENOSYS || errno == EPERM)) {
    const int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    if (memory < 0) return 0;
    count = pread(memory, bytes, length, static_cast<off_t>(address));
    close(memory);
  }
  return count > 0 ? static_cast<size_t>(count) : 0;
}

mcontext_t& machine(void* context) { return static_cast<ucontext_t*>(context)->uc_mcontext; }

// FNV-1a over whole registers.
uint64_t digest(const void* registers, size_t count) {
  uint64_t value = 14695981039346656037U;
  for (size_t i = 0; i < count; i++) {
    uint64_t number;
    memcpy(&number, static_cast<const char*>(registers) + 8 * i, 8);
    value = (value ^ number) * 1099511628211U;
  }
  return value;
}

#endif

}  // namespace

#if defined(__x86_64__)

uintptr_t SignalContext::program_counter() const { return static_cast<uintptr_t>(machine(context_).gregs[REG_RIP]); }
uintptr_t SignalContext::stack_pointer() const { return static_cast<uintptr_t>(machine(context_).gregs[REG_RSP]); }

MemoryOperands SignalContext::operands() const {
  constexpr int kNames[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  uint64_t registers[16];
  for (int i = 0; i < 16; i++) registers[i] = static_cast<uint64_t>(machine(context_).gregs[kNames[i]]);
  unsigned char code[15];
  return x86_64_operands(code, read_code(program_counter(), code, sizeof code), registers);
}

uintptr_t SignalContext::page_fault_address() const {
  constexpr greg_t kPageFault = 14;
  const mcontext_t& state = machine(context_);
  return state.gregs[REG_TRAPNO] == kPageFault ? static_cast<uintptr_t>(state.gregs[REG_CR2]) : 0;
}

uint64_t SignalContext::registers_digest() const { return digest(machine(context_).gregs, REG_RIP + 1); }

// As if `function` had been called: the stack is aligned for the return address that is not there. A copy downwards may
// have been interrupted, so the direction flag is cleared, as every function may expect.
bool SignalContext::redirect(void (*function)(void*), void* argument) const {
  constexpr uintptr_t kRedZone = 128;
  constexpr greg_t kDirectionFlag = 1 << 10;
  mcontext_t& state = machine(context_);
  state.gregs[REG_RSP] = static_cast<greg_t>(((stack_pointer() - kRedZone) & ~uintptr_t{15}) - 8);
  state.gregs[REG_RIP] = reinterpret_cast<greg_t>(function);
  state.gregs[REG_RDI] = reinterpret_cast<greg_t>(argument);
  state.gregs[REG_EFL] &= ~kDirectionFlag;
  return true;
}

#elif defined(__aarch64__)

uintptr_t SignalContext::program_counter() const { return machine(context_).pc; }
uintptr_t SignalContext::stack_pointer() const { return machine(context_).sp; }

MemoryOperands SignalContext::operands() const {
  uint64_t registers[32];
  for (int i = 0; i < 31; i++) registers[i] = machine(context_).regs[i];
  registers[31] = machine(context_).sp;
  uint32_t instruction = 0;
  if (read_code(program_counter(), &instruction, sizeof instruction) != sizeof instruction) return {};
  return arm64_operands(instruction, registers);
}

uintptr_t SignalContext::page_fault_address() const { return machine(context_).fault_address; }
uint64_t SignalContext::registers_digest() const { return digest(machine(context_).regs, 31) ^ machine(context_).pc; }

// There is no red zone here. BTYPE says by which kind of branch the next instruction was reached: a function that is
// protected against stray branches would refuse to be entered with what the interrupted code left there.
bool SignalContext::redirect(void (*function)(void*), void* argument) const {
  constexpr uint64_t kBranchType = uint64_t{3} << 10;
  mcontext_t& state = machine(context_);
  state.sp &= ~uint64_t{15};
  state.pc = reinterpret_cast<uintptr_t>(function);
  state.regs[0] = reinterpret_cast<uintptr_t>(argument);
  state.pstate &= ~kBranchType;
  return true;
}

#else

uintptr_t SignalContext::program_counter() const { return 0; }
uintptr_t SignalContext::stack_pointer() const { return 0; }
MemoryOperands SignalContext::operands() const { return {}; }
uintptr_t SignalContext::page_fault_address() const { return 0; }
uint64_t SignalContext::registers_digest() const { return 0; }
bool SignalContext::redirect(void (*)(void*), void*) const { return false; }

#endif

}  // namespace pmem
