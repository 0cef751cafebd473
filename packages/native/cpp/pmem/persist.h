// Which instruction writes a cache line back to the medium on this CPU.
#pragma once

#include "guarded_copy.h"

namespace pmem {

struct CacheFlush {
  // nullptr if this CPU has no instruction that user code may use; then only msync persists.
  FlushLines flush_lines;
  // Waits until every line flushed before it has left the CPU. Touches no memory.
  void (*fence)();
  // `clwb`, `clflushopt`, `clflush`, `dc cvap`; empty if there is none.
  const char* name;
};

// Chosen once, from CPUID (x86-64) or the kernel's hardware capabilities (arm64).
const CacheFlush& best_cache_flush();

}  // namespace pmem
