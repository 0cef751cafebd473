// Copies that end on the medium and not in the cache.
#pragma once

#include <cstddef>

namespace pmem {

// From here on a streaming copy beats a copy followed by a flush of its lines: docs/internals/performance.md.
constexpr size_t kStreamingBytes = 1024;

// Copies with stores that go past the cache; lines that are not covered whole are left to the caller's flush. A leaf.
// Returns false, having done nothing, where this CPU has no such stores.
bool copy_past_cache(void* destination, const void* source, size_t length);

}  // namespace pmem
