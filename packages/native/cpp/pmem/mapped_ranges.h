// The address ranges that this library has mapped, readable inside a signal handler on any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace pmem {

// One entry. Entries are reused and never freed, so that a handler can walk the list without a lock.
struct MappedRange {
  std::atomic<uintptr_t> begin{0};
  std::atomic<uintptr_t> end{0};
  MappedRange* next = nullptr;
};

// Adds [begin, begin + length); nullptr where there is no memory for an entry.
MappedRange* add_mapped_range(const void* begin, size_t length);
void remove_mapped_range(MappedRange* range);

// Lock-free and allocation-free.
bool is_mapped_here(uintptr_t address);

}  // namespace pmem
