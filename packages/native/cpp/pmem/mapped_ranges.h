// The address ranges that this library has mapped, readable inside a signal handler on any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace pmem {

class SubstitutionLog;

// One entry. Entries are reused and never freed, so that a handler can walk the list without a lock. `version` is odd
// while an entry changes: a reader that saw it odd, or changed, has read nothing.
struct MappedRange {
  std::atomic<uint32_t> version{0};
  std::atomic<uintptr_t> begin{0};
  std::atomic<uintptr_t> end{0};
  std::atomic<SubstitutionLog*> log{nullptr};
  MappedRange* next = nullptr;
  // Of the entries that are free; read and written by those who hold the lock.
  MappedRange* next_free = nullptr;
};

// An entry as it was at one moment; `end` is 0 if there is none.
struct FoundRange {
  uintptr_t begin = 0;
  uintptr_t end = 0;
  SubstitutionLog* log = nullptr;
};

// Adds [begin, begin + length); nullptr if there is no memory for an entry. With a `log`, faults in the range that
// no guard claims are answered by substitution; the log has to outlive the entry.
MappedRange* add_mapped_range(const void* begin, size_t length, SubstitutionLog* log);
void remove_mapped_range(MappedRange* range);

// Lock-free and allocation-free.
FoundRange find_mapped_range(uintptr_t address);

}  // namespace pmem
