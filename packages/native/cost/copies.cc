// What one operation of cpp/pmem costs, for callgrind to count: `copies NAME COUNT` does COUNT of them. The count of
// instructions is the same on every run and every machine with the same compiler, which a time is not.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <sys/mman.h>
#include <unistd.h>

#include "../cpp/pmem/guarded_copy.h"
#include "../cpp/pmem/mapped_ranges.h"
#include "../cpp/pmem/mapping.h"
#include "../cpp/pmem/persist.h"
#include "../cpp/pmem/view_mapping.h"

namespace {

constexpr uint64_t kBytes = 1U << 16;
// Making one more has to cost the same however many there are.
constexpr int kLiveViews = 10000;

void flush_nothing(uintptr_t, uintptr_t) {}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const int fd = memfd_create("cost", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, kBytes) != 0) return 3;
  std::shared_ptr<pmem::Mapping> mapping;
  if (!pmem::Mapping::map(fd, kBytes, true, &mapping).ok() || pmem::install_sigbus_guard() != 0) return 4;
  const long count = atol(argv[2]);
  static unsigned char buffer[4096];
  pmem::FaultFacts fault;
  const auto repeat = [&](auto operation) {
    for (long i = 0; i < count; i++) {
      if (!operation(mapping->base() + (i % 16) * 4096)) abort();
    }
  };
  const char* const name = argv[1];
  if (strcmp(name, "read64") == 0) {
    repeat([&](unsigned char* at) { return pmem::guarded_copy(buffer, at, 64, at, &fault); });
  } else if (strcmp(name, "write4096") == 0) {
    repeat([&](unsigned char* at) { return pmem::guarded_copy(at, buffer, 4096, at, &fault); });
  } else if (strcmp(name, "durable64") == 0) {
    repeat([&](unsigned char* at) { return pmem::guarded_durable_copy(flush_nothing, at, buffer, 64, &fault); });
  } else if (strcmp(name, "durable4096") == 0) {
    repeat([&](unsigned char* at) { return pmem::guarded_durable_copy(flush_nothing, at, buffer, 4096, &fault); });
  } else if (strcmp(name, "viewAmongMany") == 0) {
    static std::shared_ptr<pmem::ViewMapping> live[kLiveViews];
    for (auto& view : live) {
      if (!pmem::ViewMapping::map(fd, 0, 64, false, &view).ok()) return 6;
    }
    repeat([&](unsigned char*) {
      std::shared_ptr<pmem::ViewMapping> view;
      return pmem::ViewMapping::map(fd, 0, 64, false, &view).ok();
    });
  } else if (strcmp(name, "find") == 0) {
    repeat([&](unsigned char* at) { return pmem::find_mapped_range(reinterpret_cast<uintptr_t>(at)).end != 0; });
  } else {
    return 5;
  }
  return 0;
}
