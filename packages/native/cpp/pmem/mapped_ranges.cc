#include "mapped_ranges.h"

#include <mutex>
#include <new>

namespace pmem {
namespace {

std::atomic<MappedRange*> head{nullptr};
std::mutex writers;
MappedRange* free_entries = nullptr;

// One writer at a time. Release stores keep the odd version before the fields, acquire loads keep the second look at
// the version after them: a reader either sees one consistent entry or sees that it does not.
void change(MappedRange* range, uintptr_t begin, uintptr_t end, SubstitutionLog* log) {
  const uint32_t version = range->version.load(std::memory_order_relaxed);
  range->version.store(version + 1, std::memory_order_relaxed);
  range->begin.store(begin, std::memory_order_release);
  range->end.store(end, std::memory_order_release);
  range->log.store(log, std::memory_order_release);
  range->version.store(version + 2, std::memory_order_release);
}

// An entry that changes meanwhile is not that of memory being touched: that one stays until it is unmapped. So there is
// nothing to wait for.
FoundRange read_entry(const MappedRange* range) {
  const uint32_t before = range->version.load(std::memory_order_acquire);
  FoundRange found;
  found.begin = range->begin.load(std::memory_order_acquire);
  found.end = range->end.load(std::memory_order_acquire);
  found.log = range->log.load(std::memory_order_acquire);
  const bool torn = (before & 1U) != 0 || range->version.load(std::memory_order_relaxed) != before;
  return torn ? FoundRange{} : found;
}

}  // namespace

MappedRange* add_mapped_range(const void* begin, size_t length, SubstitutionLog* log) {
  const std::lock_guard<std::mutex> lock(writers);
  MappedRange* range = free_entries;
  const uintptr_t first = reinterpret_cast<uintptr_t>(begin);
  if (range != nullptr) {
    free_entries = range->next_free;
    change(range, first, first + length, log);
    return range;
  }
  range = new (std::nothrow) MappedRange;
  if (range == nullptr) return nullptr;
  change(range, first, first + length, log);
  range->next = head.load(std::memory_order_relaxed);
  head.store(range, std::memory_order_release);
  return range;
}

void remove_mapped_range(MappedRange* range) {
  if (range == nullptr) return;
  const std::lock_guard<std::mutex> lock(writers);
  change(range, 0, 0, nullptr);
  range->next_free = free_entries;
  free_entries = range;
}

FoundRange find_mapped_range(uintptr_t address) {
  for (const MappedRange* range = head.load(std::memory_order_acquire); range != nullptr; range = range->next) {
    const FoundRange found = read_entry(range);
    if (found.begin <= address && address < found.end) return found;
  }
  return {};
}

}  // namespace pmem
