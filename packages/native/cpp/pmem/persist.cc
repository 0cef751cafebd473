#include "persist.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#ifndef HWCAP_DCPOP
#define HWCAP_DCPOP (1UL << 16)
#endif
#endif

namespace pmem {
namespace {

#if defined(__x86_64__)

// 64 bytes on every x86-64 CPU made so far; if CPUID says less, it is believed.
uintptr_t line_bytes = 64;

uintptr_t first_line(uintptr_t begin) { return begin & ~(line_bytes - 1); }

void flush_clwb(uintptr_t begin, uintptr_t end) {
  for (uintptr_t line = first_line(begin); line < end; line += line_bytes) {
    asm volatile("clwb %0" : "+m"(*reinterpret_cast<volatile char*>(line)));
  }
}

void flush_clflushopt(uintptr_t begin, uintptr_t end) {
  for (uintptr_t line = first_line(begin); line < end; line += line_bytes) {
    asm volatile("clflushopt %0" : "+m"(*reinterpret_cast<volatile char*>(line)));
  }
}

void flush_clflush(uintptr_t begin, uintptr_t end) {
  for (uintptr_t line = first_line(begin); line < end; line += line_bytes) {
    asm volatile("clflush %0" : "+m"(*reinterpret_cast<volatile char*>(line)));
  }
}

// clwb and clflushopt are ordered after older stores to their own line, and before nothing: the one sfence makes the
// whole range durable before anything that follows. clflush is ordered by itself; for it the fence is a formality.
void fence() { asm volatile("sfence" ::: "memory"); }

CacheFlush choose() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0) return {nullptr, fence, ""};
  const bool has_clflush = (edx & (1U << 19)) != 0;
  const uintptr_t reported = ((ebx >> 8) & 0xffU) * 8;
  if (has_clflush && reported >= 8 && reported < line_bytes) line_bytes = reported;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0) {
    if ((ebx & (1U << 24)) != 0) return {flush_clwb, fence, "clwb"};
    if ((ebx & (1U << 23)) != 0) return {flush_clflushopt, fence, "clflushopt"};
  }
  if (has_clflush) return {flush_clflush, fence, "clflush"};
  return {nullptr, fence, ""};
}

#elif defined(__aarch64__)

uintptr_t line_bytes() {
  uint64_t ctr;
  asm("mrs %0, ctr_el0" : "=r"(ctr));
  return uintptr_t{4} << ((ctr >> 16) & 0xf);
}

// `dc cvap` by its encoding, so that assemblers for plain ARMv8.0 accept it.
void flush_cvap(uintptr_t begin, uintptr_t end) {
  const uintptr_t step = line_bytes();
  for (uintptr_t line = begin & ~(step - 1); line < end; line += step) {
    asm volatile("sys #3, c7, c12, #1, %0" ::"r"(line) : "memory");
  }
}

// Completion of `dc cvap` is what reaches the point of persistence, and only dsb waits for it. `sy`, the full system:
// the inner shareable domain (`ish`) holds the CPUs, and the memory that has to have taken the lines lies outside it.
void fence() { asm volatile("dsb sy" ::: "memory"); }

CacheFlush choose() {
  if ((getauxval(AT_HWCAP) & HWCAP_DCPOP) != 0) return {flush_cvap, fence, "dc cvap"};
  return {nullptr, fence, ""};
}

#else

void fence() {}
CacheFlush choose() { return {nullptr, fence, ""}; }

#endif

}  // namespace

const CacheFlush& best_cache_flush() {
  static const CacheFlush best = choose();
  return best;
}

}  // namespace pmem
