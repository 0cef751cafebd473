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

std::shared_ptr<SubstitutionLog> SubstitutionLog::make(size_t capacity, bool keep) {
  std::unique_ptr<SubstitutionRecord[]> records(new (std::nothrow) SubstitutionRecord[capacity]);
  if (records == nullptr) return nullptr;
  return std::shared_ptr<SubstitutionLog>(new (std::nothrow) SubstitutionLog(std::move(records), capacity, keep));
}

// The kernel may name the start of a granule rather than the byte that was touched, so the whole granule goes: were the
// touched page left in place, the instruction would fault for ever.
bool SubstitutionLog::substitute(const FaultFacts& fault, uintptr_t begin, uintptr_t end) {
  const uintptr_t granule = std::max<uintptr_t>(page_bytes(), uintptr_t{1} << fault.granule_log2);
  const uintptr_t first = std::max(begin, fault.address & ~(granule - 1));
  const uintptr_t last = std::min(end, (fault.address & ~(granule - 1)) + granule);
  const size_t length = last - first;
  // DONTUNMAP: the addresses stay taken, so that no other thread's mmap can get them before the next call does. The fifth
  // argument has to be there: with this flag the kernel reads it, as a hint, and refuses what is no address.
  void* kept = MAP_FAILED;
  if (keep_) kept = mremap(reinterpret_cast<void*>(first), length, length, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, nullptr);
  void* const zeros = mmap(reinterpret_cast<void*>(first), length, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  if (kept == MAP_FAILED) kept = nullptr;
  const size_t index = zeros == MAP_FAILED ? capacity_ : static_cast<size_t>(count_.fetch_add(1, std::memory_order_acq_rel));
  if (index < capacity_) {
    SubstitutionRecord& record = records_[index];
    record.fault = fault;
    record.kept = kept;
    record.begin.store(first, std::memory_order_relaxed);
    record.end.store(last, std::memory_order_release);
  } else if (kept != nullptr) {
    munmap(kept, length);
  }
  return zeros != MAP_FAILED;
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

bool SubstitutionLog::complete() const {
  const size_t faults = count();
  for (size_t i = 0; i < faults; i++) {
    if (record(i) == nullptr) return false;
  }
  return true;
}

void SubstitutionLog::clear() {
  for (size_t i = 0; i < std::min(count(), capacity_); i++) {
    SubstitutionRecord& record = records_[i];
    const uintptr_t end = record.end.exchange(0, std::memory_order_relaxed);
    void* const kept = std::exchange(record.kept, nullptr);
    if (kept != nullptr) munmap(kept, end - record.begin.load(std::memory_order_relaxed));
  }
  count_.store(0, std::memory_order_release);
}

}  // namespace pmem
