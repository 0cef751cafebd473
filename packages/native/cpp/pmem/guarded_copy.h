// The only code of this library that touches mapped memory. JavaScript touches it as well, through the windows and
// views that cpp/napi/window_calls.cc makes: what answers a fault there is substitution.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sigbus_guard.h"

namespace pmem {

// Copies `length` bytes, of which either the source or the destination is `mapped`. False: a SIGBUS in the mapped
// range stopped the copy, `fault` says where, and any part of the destination may have been written.
bool guarded_copy(void* destination, const void* source, size_t length, const void* mapped, FaultFacts* fault);

// Writes back the cache lines that hold [begin, end). Flushing a line whose page the kernel has withdrawn faults just
// as a load does, at the first byte of the line. A leaf: no lock, no allocation, no destructor to run.
using FlushLines = void (*)(uintptr_t begin, uintptr_t end);
bool guarded_flush(FlushLines flush_lines, const void* mapped, size_t length, FaultFacts* fault);

// Copies into `mapped` and writes the lines back, past the cache if that is quicker. The caller fences.
bool guarded_durable_copy(FlushLines flush_lines, void* mapped, const void* source, size_t length, FaultFacts* fault);

}  // namespace pmem
