// Which memory an instruction loads from or stores to, told from its encoding and the registers before it.
//
// Needed because a machine check's SIGBUS may name another mapping of the page than the one that was accessed: the
// kernel sends the address that it finds first. Pure functions for both architectures, so that each is tested on
// either.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pmem {

struct MemoryOperands {
  // False: the decoder does not know this instruction, and `count` is 0.
  bool known = false;
  int count = 0;
  // The first byte of each operand. Its length is not told; kOperandBytesMax bounds it but for string instructions,
  // where the registers name the byte that is next.
  uintptr_t address[2] = {0, 0};
  // Of two operands, that the first is loaded and the second stored to: a string move. A machine check comes from a
  // load.
  bool moves = false;
};

constexpr uintptr_t kOperandBytesMax = 64;

// `registers`: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 … r15. Reads at most `length` bytes of `code`. The stack that
// push, pop, call and ret use, and memory addressed by the instruction pointer, are no operands here: both are never
// ours.
MemoryOperands x86_64_operands(const unsigned char* code, size_t length, const uint64_t registers[16]);

// `registers`: x0 … x30, sp. SVE, SME and the memory-copy instructions (MOPS) are not known: the guard's own copy has
// none of them (leaf_copy_arm64.cc).
MemoryOperands arm64_operands(uint32_t instruction, const uint64_t registers[32]);

}  // namespace pmem
