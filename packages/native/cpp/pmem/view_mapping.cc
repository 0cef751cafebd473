#include "view_mapping.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <new>
#include <sys/mman.h>
#include <utility>

#include "mapping.h"

namespace pmem {
namespace {

// A view that has met more bad pages than this is given up as a whole. It bounds what a view costs before it is read,
// and how many map entries one can take.
constexpr uint64_t kFaultsMax = 64;

std::atomic<uint64_t> mapped_views{0};

uint64_t read_views_max() {
  // The kernel's default, for a system without /proc.
  unsigned long long entries = 65530;
  FILE* const file = fopen("/proc/sys/vm/max_map_count", "re");
  if (file != nullptr) {
    if (fscanf(file, "%llu", &entries) != 1) entries = 65530;
    fclose(file);
  }
  return entries / 2;
}

}  // namespace

uint64_t views_max() {
  static const uint64_t most = read_views_max();
  return most;
}

// PROT_WRITE although nothing should store: a stray store gets a page of the process's own (copy-on-write);
// without the permission it would be a SIGSEGV. NORESERVE: such pages are not counted before there are any.
Status ViewMapping::map(int fd, uint64_t position, uint64_t length, bool avoid_huge_pages,
                        std::shared_ptr<ViewMapping>* mapping) {
  if (mapped_views.load(std::memory_order_relaxed) >= views_max()) return {ENOMEM, "mmap"};
  const uint64_t page = page_bytes();
  const uint64_t start = position & ~(page - 1);
  const uint64_t whole = ((position + length + page - 1) & ~(page - 1)) - start;
  const uint64_t faults = std::min(whole / page, kFaultsMax);
  std::shared_ptr<SubstitutionLog> log = SubstitutionLog::make(static_cast<size_t>(faults), false);
  if (log == nullptr) return {ENOMEM, "mmap"};
  constexpr int kFlags = MAP_PRIVATE | MAP_NORESERVE;
  void* const base = mmap(nullptr, whole, PROT_READ | PROT_WRITE, kFlags, fd, static_cast<off_t>(start));
  if (base == MAP_FAILED) return {errno, "mmap"};
  const Status advised = avoid_huge_pages ? advise_no_huge_pages(base, whole) : Status{};
  if (!advised.ok()) {
    munmap(base, whole);
    return advised;
  }
  unsigned char* const first = static_cast<unsigned char*>(base);
  ViewMapping* const made = new (std::nothrow) ViewMapping(first, start, whole, std::move(log));
  if (made == nullptr) {
    munmap(base, whole);
    return {ENOMEM, "mmap"};
  }
  mapped_views.fetch_add(1, std::memory_order_relaxed);
  mapping->reset(made);
  made->range_ = add_mapped_range(base, whole, made->log_.get());
  return made->range_ == nullptr ? Status{ENOMEM, "mmap"} : Status{};
}

void ViewMapping::unmap() {
  if (base_ == nullptr) return;
  remove_mapped_range(std::exchange(range_, nullptr));
  munmap(std::exchange(base_, nullptr), length_);
  mapped_views.fetch_sub(1, std::memory_order_relaxed);
}

ViewMapping::~ViewMapping() { unmap(); }

}  // namespace pmem
