// A range of a file, mapped privately: loads see the file, stores stay with the process.
#pragma once

#include <cstdint>
#include <memory>

#include "mapped_ranges.h"
#include "status.h"
#include "substitution.h"

namespace pmem {

class ViewMapping {
 public:
  // Maps the pages that hold [position, position + length), length > 0. Nothing is read. ENOMEM if views_max() views
  // of this process are mapped already. With `avoid_huge_pages` as Mapping::avoid_huge_pages().
  static Status map(int fd, uint64_t position, uint64_t length, bool avoid_huge_pages,
                    std::shared_ptr<ViewMapping>* mapping);
  ~ViewMapping();
  ViewMapping(const ViewMapping&) = delete;
  ViewMapping& operator=(const ViewMapping&) = delete;

  // Unmaps it now. The caller knows that nothing touches it any more.
  void unmap();

  // The first mapped page, its position in the file, and the bytes of whole pages. nullptr once it is unmapped.
  unsigned char* base() const { return base_; }
  uint64_t position() const { return position_; }
  uint64_t length() const { return length_; }
  // Every fault of an access to the view since it was mapped: pages in the log stay zeros.
  const std::shared_ptr<SubstitutionLog>& log() const { return log_; }

 private:
  ViewMapping(unsigned char* base, uint64_t position, uint64_t length, std::shared_ptr<SubstitutionLog> log)
      : base_(base), position_(position), length_(length), log_(std::move(log)) {}

  unsigned char* base_;
  uint64_t position_;
  uint64_t length_;
  std::shared_ptr<SubstitutionLog> log_;
  MappedRange* range_ = nullptr;
};

// Half of the map entries that the kernel allows a process (vm.max_map_count): the other half is left for the rest of
// the program, and for the pieces that faults cut a view into.
uint64_t views_max();

}  // namespace pmem
