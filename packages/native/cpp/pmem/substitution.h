// Memory that is touched without a guard around each access: by JavaScript itself, or by whatever it hands an array to.
//
// A guarded copy is left by a jump. Code that is not ours cannot be jumped out of, so a fault in a mapping that has a
// log is answered differently: an anonymous page of zeros takes the place of the file's, the fault is written to the
// log, and the instruction runs again and completes. Whoever touched the memory has to look at the log before it
// believes what it loaded, or that it stored.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "sigbus_guard.h"

namespace pmem {

struct SubstitutionRecord {
  // Page-aligned; both 0 until the record is complete.
  std::atomic<uintptr_t> begin{0};
  std::atomic<uintptr_t> end{0};
  FaultFacts fault = {0, 0, 0};
  // Where the file's own pages are kept, for their return; nullptr if they are not kept.
  void* kept = nullptr;
};

// Written by signal handlers of any thread, read by the thread that owns the mapping. A fault is counted before a page
// is replaced, so whoever has loaded a zero that was put there finds the count changed.
class SubstitutionLog {
 public:
  // Room for so many faults. nullptr: no memory. With `keep` the file's pages are moved aside rather than unmapped, and
  // restore() brings them back just as they were, what the kernel had noted of their poison included (Linux 5.13;
  // before, they have to be mapped again).
  static std::shared_ptr<SubstitutionLog> make(size_t capacity, bool keep);

  // As clear(): a thread may have been ended between a fault and its restoration.
  ~SubstitutionLog();
  SubstitutionLog(const SubstitutionLog&) = delete;
  SubstitutionLog& operator=(const SubstitutionLog&) = delete;

  // Async-signal-safe. Replaces the page of `fault.address` in the mapping [begin, end) and records it. If there is
  // no room for another fault, or the kernel has no map entry left for another piece, the whole mapping is replaced.
  // False: the kernel refused that too.
  bool substitute(const FaultFacts& fault, uintptr_t begin, uintptr_t end);
  // Async-signal-safe. True if this page is replaced, and recorded, already.
  bool holds(uintptr_t page) const;

  // Where JavaScript reads how many faults there were: one aligned load, which no other thread tears.
  void* counter() { return &count_; }
  size_t count() const { return static_cast<size_t>(count_.load(std::memory_order_acquire)); }
  // Grows with every fault and is never reset: what has not changed meanwhile was not disturbed.
  uint32_t ever() const { return ever_.load(std::memory_order_acquire); }
  // True if the records name all that is replaced. False if the whole mapping was replaced, or if another thread is
  // recording a fault at this moment.
  bool complete() const;
  // As complete(), but for a mapping that was replaced as a whole: then the records are those of the first faults.
  bool recorded() const;
  // Record i of count(), nullptr if it is not complete.
  const SubstitutionRecord* record(size_t i) const;
  // For the owner, while no other thread can touch the mapping. False for a record whose pages have to be mapped again.
  bool restore(size_t i);
  // Forgets every fault, and lets go of pages that were kept and not restored.
  void clear();

 private:
  SubstitutionLog(std::unique_ptr<SubstitutionRecord[]> records, size_t capacity, bool keep)
      : records_(std::move(records)), capacity_(capacity), keep_(keep) {}

  bool replace(uintptr_t begin, uintptr_t end, void** kept) const;

  std::atomic<int32_t> count_{0};
  std::atomic<uint32_t> ever_{0};
  std::atomic<bool> given_up_{false};
  static_assert(std::atomic<int32_t>::is_always_lock_free && sizeof(std::atomic<int32_t>) == 4, "read as an Int32Array");
  std::unique_ptr<SubstitutionRecord[]> records_;
  size_t capacity_;
  bool keep_;
};

}  // namespace pmem
