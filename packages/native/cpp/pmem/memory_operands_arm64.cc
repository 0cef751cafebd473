#include "memory_operands.h"

namespace pmem {
namespace {

MemoryOperands none() { return {true, 0, {0, 0}, false}; }
MemoryOperands one(uint64_t address) { return {true, 1, {address, 0}, false}; }

uint32_t bits(uint32_t word, int first, int count) { return (word >> first) & ((1U << count) - 1U); }

uint64_t sign_extended(uint32_t value, int count) {
  const uint64_t sign = uint64_t{1} << (count - 1);
  return (uint64_t{value} ^ sign) - sign;
}

// The register that is shifted and extended in [base, register, extend]. Number 31 is zero here, not sp.
uint64_t offset_register(uint32_t word, const uint64_t registers[32], uint32_t scale) {
  const uint32_t number = bits(word, 16, 5);
  uint64_t value = number == 31 ? 0 : registers[number];
  const uint32_t option = bits(word, 13, 3);
  if (option == 2) value = static_cast<uint32_t>(value);
  if (option == 6) value = sign_extended(static_cast<uint32_t>(value), 32);
  return bits(word, 12, 1) != 0 ? value << scale : value;
}

MemoryOperands pair(uint32_t word, uint64_t base) {
  const uint32_t size = bits(word, 30, 2);
  const bool vector = bits(word, 26, 1) != 0;
  // Pairs of general registers of size 1: ldpsw, 4 bytes, or stgp, which stores 16 with a tag and is in no copy.
  if (!vector && size == 1 && bits(word, 22, 1) == 0) return {};
  const int scale = vector ? 2 + static_cast<int>(size) : (size == 2 ? 3 : 2);
  const bool after = bits(word, 23, 2) == 1;
  return one(after ? base : base + (sign_extended(bits(word, 15, 7), 7) << scale));
}

MemoryOperands single(uint32_t word, const uint64_t registers[32], uint64_t base) {
  const uint32_t size = bits(word, 30, 2);
  // 16-byte vectors are size 0 with the high bit of the operation set.
  const bool whole_vector = bits(word, 26, 1) != 0 && bits(word, 23, 1) != 0;
  const uint32_t scale = whole_vector ? 4 : size;
  if (bits(word, 24, 1) != 0) return one(base + (uint64_t{bits(word, 10, 12)} << scale));
  const uint32_t form = bits(word, 10, 2);
  if (bits(word, 21, 1) == 0) return one(form == 1 ? base : base + sign_extended(bits(word, 12, 9), 9));
  // Atomics name their base alone.
  if (form == 0) return one(base);
  if (form == 2) return one(base + offset_register(word, registers, scale));
  return {};
}

}  // namespace

MemoryOperands arm64_operands(uint32_t instruction, const uint64_t registers[32]) {
  // SVE, and SME with what is not allocated.
  if (bits(instruction, 25, 4) == 2 || bits(instruction, 25, 4) == 0) return {};
  // dc, by virtual address.
  if ((instruction & 0xfff8f000U) == 0xd5087000U) {
    const uint32_t number = bits(instruction, 0, 5);
    return number == 31 ? none() : one(registers[number]);
  }
  if ((instruction & 0x0a000000U) != 0x08000000U) return none();
  const uint64_t base = registers[bits(instruction, 5, 5)];
  switch (bits(instruction, 28, 2)) {
    case 0:
      // Exclusive, ordered and structure loads: the base alone.
      return one(base);
    case 1:
      // By the program counter: never ours.
      if (bits(instruction, 24, 1) == 0) return none();
      // ldapur and its family; what else is encoded here copies memory (MOPS) or tags.
      if (bits(instruction, 21, 1) != 0 || bits(instruction, 10, 2) != 0) return {};
      return one(base + sign_extended(bits(instruction, 12, 9), 9));
    case 2:
      return pair(instruction, base);
    default:
      return single(instruction, registers, base);
  }
}

}  // namespace pmem
