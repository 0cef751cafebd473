// A file's bytes in memory.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "mapped_ranges.h"
#include "sigbus_guard.h"
#include "status.h"
#include "substitution.h"

namespace pmem {

// A call that failed, a SIGBUS that a cache-line flush met, an end of file inside the range, or none of them.
struct PersistOutcome {
  Status status;
  bool faulted = false;
  FaultFacts fault = {0, 0, 0};
  // The file no longer has all of the bytes: msync says nothing of that.
  bool truncated = false;
  uint64_t file_size = 0;

  bool ok() const { return status.ok() && !faulted && !truncated; }
};

struct Range {
  uint64_t position;
  uint64_t length;
};

class Mapping {
 public:
  // Maps [0, length) of the file, with MAP_SYNC if the file supports it: then a store reaches the medium by a cache
  // flush alone, since the kernel commits the file's metadata at the page fault. A length of 0 maps nothing.
  static Status map(int fd, uint64_t length, bool writable, std::shared_ptr<Mapping>* mapping);
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  unsigned char* base() const { return base_; }
  uint64_t length() const { return length_; }
  bool map_sync() const { return map_sync_; }
  // Has every page of at most page_bytes() mapped by an entry of its own, now and after remap(): MADV_NOHUGEPAGE.
  // Call it before anything is loaded or stored, since entries that exist stay. A kernel without huge pages has
  // nothing to avoid.
  Status avoid_huge_pages();
  bool avoids_huge_pages() const { return avoids_huge_pages_; }
  // True: persist() flushes cache lines; false: it calls msync.
  bool persists_by_flush() const;

  // Makes stores to the range durable.
  PersistOutcome persist(uint64_t position, uint64_t length) const;
  // The same for `count` ranges with one fence, or one msync from the first byte of them to the last. If zeros
  // took the place of a page meanwhile, the flush is repeated; if they stay, it is reported as a fault.
  PersistOutcome persist_all(const Range* ranges, size_t count) const;
  // Stores `length` bytes, durably.
  PersistOutcome write_and_persist(uint64_t position, const void* source, uint64_t length) const;

  // Faults of accesses that no guard covered, since the last take_fault().
  const std::shared_ptr<SubstitutionLog>& log() const { return log_; }
  // The first of them, with the pages that were put in the place of the file's mapped away again. False: there was
  // none.
  bool take_fault(int fd, FaultFacts* fault);

  // Maps the pages again over themselves, which drops page-table entries that madvise would leave (among them the
  // poison markers of userfaultfd). Page-aligned. If a failure may have left a gap, length() becomes 0: an access to
  // a gap is a SIGSEGV, against which there is no guard.
  Status remap(int fd, uint64_t position, uint64_t length);

 private:
  Mapping(int fd, unsigned char* base, uint64_t length, bool writable, bool map_sync,
          std::shared_ptr<SubstitutionLog> log)
      : fd_(fd),
        base_(base),
        length_(length),
        mapped_(length),
        writable_(writable),
        map_sync_(map_sync),
        log_(std::move(log)) {}

  PersistOutcome persist_once(const Range* ranges, size_t count) const;
  FaultFacts first_fault() const;

  PersistOutcome sync_pages(uint64_t first, uint64_t last) const;

  // Of the file that is mapped; open for as long as this exists.
  int fd_;
  unsigned char* base_;
  uint64_t length_;
  uint64_t mapped_;
  bool writable_;
  bool map_sync_;
  bool avoids_huge_pages_ = false;
  std::shared_ptr<SubstitutionLog> log_;
  MappedRange* range_ = nullptr;
};

uint64_t page_bytes();

// madvise(MADV_NOHUGEPAGE) of whole pages. Ok if the kernel has no huge pages.
Status advise_no_huge_pages(void* begin, uint64_t length);

}  // namespace pmem
