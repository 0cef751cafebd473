#include "mapping.h"

#include <algorithm>
#include <cerrno>
#include <new>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guarded_copy.h"
#include "media.h"
#include "persist.h"

#ifndef MAP_SHARED_VALIDATE
#define MAP_SHARED_VALIDATE 0x03
#endif
#ifndef MAP_SYNC
#define MAP_SYNC 0x80000
#endif

static_assert(sizeof(void*) == 8 && sizeof(off_t) == 8, "files beyond 4 GiB are mapped whole");

namespace pmem {
namespace {

int protection(bool writable) { return writable ? PROT_READ | PROT_WRITE : PROT_READ; }
// An unguarded access is at most a page long, so between two looks at the log it meets at most two bad pages.
constexpr size_t kLogCapacity = 4;

int kind(bool map_sync) { return map_sync ? MAP_SHARED_VALIDATE | MAP_SYNC : MAP_SHARED; }

}  // namespace

uint64_t page_bytes() {
  static const uint64_t bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

// EINVAL is what a kernel without transparent huge pages answers.
Status advise_no_huge_pages(void* begin, uint64_t length) {
  const bool done = length == 0 || madvise(begin, length, MADV_NOHUGEPAGE) == 0 || errno == EINVAL;
  return done ? Status{} : Status{errno, "madvise"};
}

Status Mapping::map(int fd, uint64_t length, bool writable, std::shared_ptr<Mapping>* mapping) {
  void* base = nullptr;
  bool map_sync = false;
  if (length > 0) {
    // A filesystem without DAX answers EOPNOTSUPP, a kernel older than the flag EINVAL; either way MAP_SHARED decides.
    base = mmap(nullptr, length, protection(writable), kind(true), fd, 0);
    map_sync = base != MAP_FAILED;
    if (!map_sync) base = mmap(nullptr, length, protection(writable), kind(false), fd, 0);
    if (base == MAP_FAILED) return {errno, "mmap"};
  }
  std::shared_ptr<SubstitutionLog> log = SubstitutionLog::make(kLogCapacity, true);
  Mapping* made = log == nullptr ? nullptr
                                 : new (std::nothrow) Mapping(fd, static_cast<unsigned char*>(base), length,
                                                              writable, map_sync, std::move(log));
  if (made != nullptr && length > 0) made->range_ = add_mapped_range(base, length, made->log_.get());
  if (made == nullptr || (length > 0 && made->range_ == nullptr)) {
    if (made == nullptr && length > 0) munmap(base, length);
    delete made;
    return {ENOMEM, "mmap"};
  }
  mapping->reset(made);
  return {};
}

Mapping::~Mapping() {
  remove_mapped_range(range_);
  if (mapped_ > 0) munmap(base_, mapped_);
}

Status Mapping::avoid_huge_pages() {
  const Status status = advise_no_huge_pages(base_, mapped_);
  avoids_huge_pages_ = avoids_huge_pages_ || status.ok();
  return status;
}

bool Mapping::persists_by_flush() const { return map_sync_ && best_cache_flush().flush_lines != nullptr; }

PersistOutcome Mapping::persist(uint64_t position, uint64_t length) const {
  const Range range = {position, length};
  return persist_all(&range, 1);
}

// A thread of the pool may persist while the thread that owns the file meets a fault in its window. The owner takes the
// zeros away within microseconds, since it looks at the log after every access.
PersistOutcome Mapping::persist_all(const Range* ranges, size_t count) const {
  constexpr int kTriesMax = 1000;
  for (int tries = 0; tries < kTriesMax; tries++) {
    const uint32_t before = log_->ever();
    if (log_->count() == 0) {
      const PersistOutcome outcome = persist_once(ranges, count);
      if (!outcome.ok() || log_->ever() == before) return outcome;
    }
    sched_yield();
  }
  PersistOutcome disturbed;
  disturbed.faulted = true;
  disturbed.fault = first_fault();
  return disturbed;
}

PersistOutcome Mapping::persist_once(const Range* ranges, size_t count) const {
  PersistOutcome outcome;
  if (persists_by_flush()) {
    const CacheFlush& flush = best_cache_flush();
    for (size_t i = 0; i < count && !outcome.faulted; i++) {
      if (ranges[i].length == 0) continue;
      outcome.faulted = !guarded_flush(flush.flush_lines, base_ + ranges[i].position, ranges[i].length, &outcome.fault);
    }
    flush.fence();
    return outcome;
  }
  uint64_t first = UINT64_MAX;
  uint64_t last = 0;
  for (size_t i = 0; i < count; i++) {
    if (ranges[i].length == 0) continue;
    first = std::min(first, ranges[i].position);
    last = std::max(last, ranges[i].position + ranges[i].length);
  }
  return first < last ? sync_pages(first, last) : outcome;
}

// The size is asked after msync: bytes that are cut off later were durable before.
PersistOutcome Mapping::sync_pages(uint64_t first, uint64_t last) const {
  PersistOutcome outcome;
  const uint64_t start = first & ~(page_bytes() - 1);
  // Not repeated after EINTR, which may be what a filesystem in user space answered to the write of a page. That is
  // told once: the next msync would succeed for bytes that never reached the medium.
  if (msync(base_ + start, last - start, MS_SYNC) != 0) {
    outcome.status = {errno, "msync"};
    return outcome;
  }
  outcome.status = file_size(fd_, &outcome.file_size);
  outcome.truncated = outcome.status.ok() && outcome.file_size < last;
  return outcome;
}

FaultFacts Mapping::first_fault() const {
  const SubstitutionRecord* const first = log_->record(0);
  return first == nullptr ? FaultFacts{reinterpret_cast<uintptr_t>(base_), 0, 0} : first->fault;
}

bool Mapping::take_fault(int fd, FaultFacts* fault) {
  const size_t faults = log_->count();
  if (faults == 0) return false;
  *fault = first_fault();
  const bool complete = log_->complete();
  for (size_t i = 0; complete && i < faults; i++) {
    if (log_->restore(i)) continue;
    const SubstitutionRecord& record = *log_->record(i);
    const uintptr_t begin = record.begin.load(std::memory_order_relaxed);
    remap(fd, begin - reinterpret_cast<uintptr_t>(base_), record.end.load(std::memory_order_relaxed) - begin);
  }
  if (!complete) remap(fd, 0, mapped_);
  log_->clear();
  return true;
}

PersistOutcome Mapping::write_and_persist(uint64_t position, const void* source, uint64_t length) const {
  PersistOutcome outcome;
  if (length == 0) return outcome;
  unsigned char* const mapped = base_ + position;
  if (!persists_by_flush()) {
    outcome.faulted = !guarded_copy(mapped, source, length, mapped, &outcome.fault);
    return outcome.faulted ? outcome : persist(position, length);
  }
  const CacheFlush& flush = best_cache_flush();
  const uint32_t before = log_->ever();
  outcome.faulted = !guarded_durable_copy(flush.flush_lines, mapped, source, length, &outcome.fault);
  flush.fence();
  if (!outcome.faulted && log_->ever() != before) {
    outcome.faulted = true;
    outcome.fault = first_fault();
  }
  return outcome;
}

Status Mapping::remap(int fd, uint64_t position, uint64_t length) {
  const uint64_t end = std::min(position + length, mapped_);
  if (position >= end) return {};
  const auto replace = [&] {
    return mmap(base_ + position, end - position, protection(writable_), kind(map_sync_) | MAP_FIXED, fd,
                static_cast<off_t>(position)) != MAP_FAILED;
  };
  if (replace()) {
    // The new pages are advised before anything can touch them; if that fails, they are mapped all the same.
    return avoids_huge_pages_ ? advise_no_huge_pages(base_ + position, end - position) : Status{};
  }
  const Status failure{errno, "mmap"};
  // ENOMEM from msync means that part of the range is not mapped at all; MS_ASYNC starts no I/O.
  if (msync(base_ + position, end - position, MS_ASYNC) != 0 && errno == ENOMEM && !replace()) length_ = 0;
  return failure;
}

}  // namespace pmem
