#include "substitution.h"

#include <algorithm>
#include <new>
#include <sys/mman.h>
#include <utility>

#include "mapping.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

namespace pmem {
namespace {

bool map_zeros(uintptr_t begin, uintptr_t end) {
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
  return mmap(reinterpret_cast<void*>(begin), end - begin, PROT_READ | PROT_WRITE, kFlags, -1, 0) != MAP_FAILED;
}

}  // namespace

std::shared_ptr<SubstitutionLog> SubstitutionLog::make(size_t capacity, bool keep) {
  std::unique_ptr<SubstitutionRecord[]> records(new (std::nothrow) SubstitutionRecord[capacity]);
  if (records == nullptr) return nullptr;
  return std::shared_ptr<SubstitutionLog>(new (std::nothrow) SubstitutionLog(std::move(records), capacity, keep));
}

// DONTUNMAP: the addresses stay taken, so that no other thread's mmap can get them before the next call does. The fifth
// argument has to be there: with this flag the kernel reads it, as a hint, and refuses what is no address.
bool SubstitutionLog::replace(uintptr_t begin, uintptr_t end, void** kept) const {
  void* const first = reinterpret_cast<void*>(begin);
  const size_t length = end - begin;
  *kept = MAP_FAILED;
  if (keep_) *kept = mremap(first, length, length, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, nullptr);
  const bool replaced = map_zeros(begin, end);
  if (*kept == MAP_FAILED) *kept = nullptr;
  return replaced;
}

bool SubstitutionLog::holds(uintptr_t page) const {
  for (size_t i = 0; i < std::min(count(), capacity_); i++) {
    const SubstitutionRecord* const found = record(i);
    if (found != nullptr && found->begin.load(std::memory_order_relaxed) == page) return true;
  }
  return false;
}

bool SubstitutionLog::substitute(const FaultFacts& fault, uintptr_t begin, uintptr_t end) {
  const uintptr_t page = page_bytes();
  const uintptr_t last = (end + page - 1) & ~(page - 1);
  const uintptr_t first = fault.address & ~(page - 1);
  ever_.fetch_add(1, std::memory_order_seq_cst);
  const size_t index = static_cast<size_t>(count_.fetch_add(1, std::memory_order_seq_cst));
  void* kept = nullptr;
  const bool alone = index < capacity_ && replace(first, first + page, &kept);
  if (!alone) {
    given_up_.store(true, std::memory_order_seq_cst);
    if (!map_zeros(begin, last)) return false;
  }
  if (index >= capacity_) return true;
  SubstitutionRecord& record = records_[index];
  record.fault = fault;
  record.kept = kept;
  record.begin.store(first, std::memory_order_relaxed);
  record.end.store(first + page, std::memory_order_release);
  return true;
}

SubstitutionLog::~SubstitutionLog() { clear(); }

bool SubstitutionLog::restore(size_t i) {
  SubstitutionRecord& record = records_[i];
  const uintptr_t begin = record.begin.load(std::memory_order_relaxed);
  const size_t length = record.end.load(std::memory_order_relaxed) - begin;
  void* const kept = std::exchange(record.kept, nullptr);
  if (kept == nullptr) return false;
  void* const home = reinterpret_cast<void*>(begin);
  if (mremap(kept, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, home) == home) return true;
  munmap(kept, length);
  return false;
}

const SubstitutionRecord* SubstitutionLog::record(size_t i) const {
  return i < capacity_ && records_[i].end.load(std::memory_order_acquire) != 0 ? &records_[i] : nullptr;
}

bool SubstitutionLog::recorded() const {
  for (size_t i = 0; i < std::min(count(), capacity_); i++) {
    if (record(i) == nullptr) return false;
  }
  return true;
}

bool SubstitutionLog::complete() const {
  return count() <= capacity_ && !given_up_.load(std::memory_order_acquire) && recorded();
}

void SubstitutionLog::clear() {
  for (size_t i = 0; i < std::min(count(), capacity_); i++) {
    SubstitutionRecord& record = records_[i];
    const uintptr_t end = record.end.exchange(0, std::memory_order_relaxed);
    void* const kept = std::exchange(record.kept, nullptr);
    if (kept != nullptr) munmap(kept, end - record.begin.load(std::memory_order_relaxed));
  }
  given_up_.store(false, std::memory_order_relaxed);
  count_.store(0, std::memory_order_release);
}

}  // namespace pmem
