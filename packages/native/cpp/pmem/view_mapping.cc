#include "view_mapping.h"

#include <cerrno>
#include <new>
#include <sys/mman.h>
#include <utility>

#include "mapping.h"

namespace pmem {

// PROT_WRITE although nobody should store: a stray store gets a page of the process's own (copy-on-write), where without
// the permission it would be a SIGSEGV. NORESERVE: such pages are not counted before there are any.
Status ViewMapping::map(int fd, uint64_t position, uint64_t length, std::shared_ptr<ViewMapping>* mapping) {
  const uint64_t page = page_bytes();
  const uint64_t start = position & ~(page - 1);
  const uint64_t whole = ((position + length + page - 1) & ~(page - 1)) - start;
  // Each fault takes at least one page away for good, so there are never more faults than pages.
  std::shared_ptr<SubstitutionLog> log = SubstitutionLog::make(static_cast<size_t>(whole / page), false);
  if (log == nullptr) return {ENOMEM, "mmap"};
  void* const base = mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, static_cast<off_t>(start));
  if (base == MAP_FAILED) return {errno, "mmap"};
  ViewMapping* const made = new (std::nothrow) ViewMapping(static_cast<unsigned char*>(base), start, whole, std::move(log));
  if (made == nullptr) {
    munmap(base, whole);
    return {ENOMEM, "mmap"};
  }
  mapping->reset(made);
  made->range_ = add_mapped_range(base, whole, made->log_.get());
  return made->range_ == nullptr ? Status{ENOMEM, "mmap"} : Status{};
}

ViewMapping::~ViewMapping() {
  remove_mapped_range(range_);
  munmap(base_, length_);
}

}  // namespace pmem
