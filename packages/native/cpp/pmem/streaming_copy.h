// Copies that end on the medium and not in the cache.
#pragma once

#include <cstddef>

namespace pmem {

// From this length on a streaming copy beats a copy and a flush of its lines: docs/internals/performance.md.
constexpr size_t kStreamingBytes = 1024;

// Copies with stores that go past the cache; lines that are not covered whole are left to the caller's flush. A leaf.
// Returns false, having done nothing, if this CPU has no such stores.
bool copy_past_cache(void* destination, const void* source, size_t length);

}  // namespace pmem
