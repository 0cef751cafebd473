#include "mapping.h"

#include <algorithm>
#include <cerrno>
#include <new>
#include <sys/mman.h>
#include <unistd.h>

#include "guarded_copy.h"
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
int kind(bool map_sync) { return map_sync ? MAP_SHARED_VALIDATE | MAP_SYNC : MAP_SHARED; }

}  // namespace

uint64_t page_bytes() {
  static const uint64_t bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return bytes;
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
  Mapping* made = new (std::nothrow) Mapping(static_cast<unsigned char*>(base), length, writable, map_sync);
  if (made != nullptr && length > 0) made->range_ = add_mapped_range(base, length);
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

bool Mapping::persists_by_flush() const { return map_sync_ && best_cache_flush().flush_lines != nullptr; }

PersistOutcome Mapping::persist(uint64_t position, uint64_t length) const {
  PersistOutcome outcome;
  if (length == 0) return outcome;
  if (persists_by_flush()) {
    const CacheFlush& flush = best_cache_flush();
    outcome.faulted = !guarded_flush(flush.flush_lines, base_ + position, length, &outcome.fault);
    flush.fence();
    return outcome;
  }
  const uint64_t start = position & ~(page_bytes() - 1);
  if (msync(base_ + start, position + length - start, MS_SYNC) != 0) outcome.status = {errno, "msync"};
  return outcome;
}

Status Mapping::remap(int fd, uint64_t position, uint64_t length) {
  const uint64_t end = std::min(position + length, mapped_);
  if (position >= end) return {};
  const auto replace = [&] {
    return mmap(base_ + position, end - position, protection(writable_), kind(map_sync_) | MAP_FIXED, fd,
                static_cast<off_t>(position)) != MAP_FAILED;
  };
  if (replace()) return {};
  const Status failure{errno, "mmap"};
  // ENOMEM from msync means that part of the range is not mapped at all; MS_ASYNC starts no I/O.
  if (msync(base_ + position, end - position, MS_ASYNC) != 0 && errno == ENOMEM && !replace()) length_ = 0;
  return failure;
}

}  // namespace pmem
