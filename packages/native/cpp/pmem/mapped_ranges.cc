#include "mapped_ranges.h"

#include <mutex>
#include <new>

namespace pmem {
namespace {

std::atomic<MappedRange*> head{nullptr};
std::mutex writers;

}  // namespace

// `end` is the entry's validity: stored last when an entry is filled and first when it is emptied. A reader that is
// overtaken by a whole remove-and-add may pair an old end with a new begin; all it can do then is count, or pass on,
// one advisory signal wrongly. Claiming a fault for a guarded copy never depends on this list.
MappedRange* add_mapped_range(const void* begin, size_t length) {
  const std::lock_guard<std::mutex> lock(writers);
  MappedRange* range = head.load(std::memory_order_relaxed);
  while (range != nullptr && range->end.load(std::memory_order_relaxed) != 0) range = range->next;
  if (range == nullptr) {
    range = new (std::nothrow) MappedRange;
    if (range == nullptr) return nullptr;
    range->next = head.load(std::memory_order_relaxed);
    head.store(range, std::memory_order_release);
  }
  const uintptr_t first = reinterpret_cast<uintptr_t>(begin);
  range->begin.store(first, std::memory_order_relaxed);
  range->end.store(first + length, std::memory_order_release);
  return range;
}

void remove_mapped_range(MappedRange* range) {
  if (range == nullptr) return;
  const std::lock_guard<std::mutex> lock(writers);
  range->end.store(0, std::memory_order_release);
  range->begin.store(UINTPTR_MAX, std::memory_order_release);
}

bool is_mapped_here(uintptr_t address) {
  for (const MappedRange* range = head.load(std::memory_order_acquire); range != nullptr; range = range->next) {
    const uintptr_t end = range->end.load(std::memory_order_acquire);
    if (address < end && address >= range->begin.load(std::memory_order_acquire)) return true;
  }
  return false;
}

}  // namespace pmem
