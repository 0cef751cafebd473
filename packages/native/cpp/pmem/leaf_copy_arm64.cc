// The copy inside the guard on arm64.
//
// The C library picks its memcpy by the processor. With SVE (Graviton 3 and 4) it loads and stores by predicates, with
// FEAT_MOPS by instructions that copy, and more will come; the handler cannot tell the operands of those
// (memory_operands_arm64.cc). This copy is made of loads and stores that it decodes, on every processor.
#include "leaf_copy.h"

#if defined(__aarch64__) && !defined(SAFE_PMEM_THREAD_SANITIZER)

#include <cstdint>

namespace pmem {
namespace {

typedef unsigned char Sixteen __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t Eight __attribute__((aligned(1), may_alias));
typedef uint32_t Four __attribute__((aligned(1), may_alias));
typedef uint16_t Two __attribute__((aligned(1), may_alias));

template <typename Piece>
Piece load(const unsigned char* from) {
  return *reinterpret_cast<const Piece*>(from);
}

template <typename Piece>
void store(unsigned char* to, Piece piece) {
  *reinterpret_cast<Piece*>(to) = piece;
}

// One or two pieces' length: the first and the last piece, which overlap if it is less than two.
template <typename Piece>
void copy_ends(unsigned char* to, const unsigned char* from, size_t length) {
  const size_t last_at = length - sizeof(Piece);
  const Piece first = load<Piece>(from);
  const Piece last = load<Piece>(from + last_at);
  store(to, first);
  store(to + last_at, last);
}

// By name, so that no compiler makes memcpy of the loop around it.
void copy_64(unsigned char* to, const unsigned char* from) {
  Sixteen a, b, c, d;
  asm volatile(
      "ldp %q0, %q1, [%5]\n"
      "ldp %q2, %q3, [%5, #32]\n"
      "stp %q0, %q1, [%4]\n"
      "stp %q2, %q3, [%4, #32]\n"
      : "=&w"(a), "=&w"(b), "=&w"(c), "=&w"(d)
      : "r"(to), "r"(from)
      : "memory");
}

void copy_short(unsigned char* to, const unsigned char* from, size_t length) {
  if (length >= 16) {
    // At most 64. The pieces in the middle overlap the ends, or are the ends.
    const size_t middle = length > 32 ? 16 : 0;
    const Sixteen a = load<Sixteen>(from);
    const Sixteen b = load<Sixteen>(from + middle);
    const Sixteen c = load<Sixteen>(from + length - 16 - middle);
    const Sixteen d = load<Sixteen>(from + length - 16);
    store(to, a);
    store(to + middle, b);
    store(to + length - 16 - middle, c);
    store(to + length - 16, d);
  } else if (length >= 8) {
    copy_ends<Eight>(to, from, length);
  } else if (length >= 4) {
    copy_ends<Four>(to, from, length);
  } else if (length >= 2) {
    copy_ends<Two>(to, from, length);
  } else if (length == 1) {
    *to = *from;
  }
}

}  // namespace

// Not within a function that calls sigsetjmp(): its variables are kept with more care there, which costs.
__attribute__((noinline)) void leaf_copy(void* to, const void* from, size_t length) {
  unsigned char* target = static_cast<unsigned char*>(to);
  const unsigned char* source = static_cast<const unsigned char*>(from);
  if (length <= 64) {
    copy_short(target, source, length);
    return;
  }
  unsigned char* const last_target = target + length - 64;
  const unsigned char* const last_source = source + length - 64;
  // Stores that cross a cache line cost twice: only the first and the last may.
  const size_t until_aligned = 16 - (reinterpret_cast<uintptr_t>(target) & 15);
  store(target, load<Sixteen>(source));
  for (target += until_aligned, source += until_aligned; target < last_target; target += 64, source += 64) {
    copy_64(target, source);
  }
  copy_64(last_target, last_source);
}

}  // namespace pmem

#endif
