// What the guarded copy copies, and that its instructions are ones that the handler decodes, on whatever processor.
#include <cstring>
#include <memory>
#include <sys/mman.h>
#include <vector>

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include "../pmem/guarded_copy.h"
#include "../pmem/memory_operands.h"
#include "../pmem/view_mapping.h"
#include "check.h"
#include "scratch.h"
#include "sigbus_scene.h"

using pmem::FaultFacts;
using pmem::Mapping;
using pmem::ViewMapping;
using scratch::exited;
using scratch::in_child;
using scratch::kPage;

namespace {

constexpr size_t kLengthMax = 330;
constexpr size_t kAround = 32;

unsigned char byte_at(size_t i) { return static_cast<unsigned char>(i * 7 + i / 251 + 1); }

// Whether exactly `length` bytes were copied to `to`, from bytes made by byte_at(first).
bool holds(const unsigned char* to, size_t first, size_t length) {
  for (size_t i = 0; i < kAround; i++) {
    if (*(to - kAround + i) != 0xee || to[length + i] != 0xee) return false;
  }
  for (size_t i = 0; i < length; i++) {
    if (to[i] != byte_at(first + i)) return false;
  }
  return true;
}

}  // namespace

TEST(every_length, "a guarded copy copies its bytes and no others, at every length and alignment") {
  std::vector<unsigned char> source(kLengthMax + 64);
  std::vector<unsigned char> target(kLengthMax + 64 + 2 * kAround);
  for (size_t i = 0; i < source.size(); i++) source[i] = byte_at(i);
  int wrong = 0;
  for (size_t length = 0; length <= kLengthMax; length++) {
    for (size_t from : {0, 1, 7, 8, 15}) {
      for (size_t to : {0, 1, 4, 8, 13, 16}) {
        memset(target.data(), 0xee, target.size());
        FaultFacts fault;
        unsigned char* const at = target.data() + kAround + to;
        if (!pmem::guarded_copy(at, source.data() + from, length, at, &fault) || !holds(at, from, length)) wrong++;
      }
    }
  }
  CHECK(wrong == 0);
}

TEST(every_instruction, "each load and store of a guarded copy is decoded: a signal that names another mapping lands") {
  CHECK(exited(in_child([] {
    const scratch::Directory directory;
    const int fd = scratch::create(directory.file("f"), 4 * kPage);
    std::shared_ptr<Mapping> accessed;
    std::shared_ptr<Mapping> named;
    if (!Mapping::map(fd, 4 * kPage, true, &accessed).ok() || !Mapping::map(fd, 4 * kPage, true, &named).ok()) return 1;
    if (pmem::install_sigbus_guard() != 0 || ftruncate(fd, static_cast<off_t>(kPage)) != 0) return 2;
    scene::install(nullptr, scene::relabel_as_memory_failure, 0, &scene::below);
    scene::relabelled_address = reinterpret_cast<uintptr_t>(named->base()) + 2 * kPage;
    std::vector<unsigned char> buffer(kLengthMax);
    // The copy reaches the page that is gone by another of its instructions each time.
    for (size_t length = 1; length <= kLengthMax; length++) {
      for (size_t good = 0; good < length; good = good < 20 ? good + 1 : good + 9) {
        unsigned char* const at = accessed->base() + kPage - good;
        const uintptr_t lost = reinterpret_cast<uintptr_t>(accessed->base()) + kPage;
        for (const bool stores : {false, true}) {
          FaultFacts fault;
          scene::calls = 0;
          const bool copied = stores ? pmem::guarded_copy(at, buffer.data(), length, at, &fault)
                                     : pmem::guarded_copy(buffer.data(), at, length, at, &fault);
          if (copied || scene::calls != 1) return 3;
          // Of an access that may have reached over the edge the granule holds both pages, and no page that is good is
          // named alone.
          const uintptr_t granule = uintptr_t{1} << fault.granule_log2;
          if ((fault.address & ~(granule - 1)) + granule <= lost) return 4;
          if (fault.address + pmem::kOperandBytesMax <= lost || fault.address >= lost + length - good) return 5;
          // What is not decoded could be anywhere in the copy; this could not.
          if (fault.address >= lost && fault.granule_log2 != 12) return 6;
        }
      }
    }
    return named->log()->count() == 0 && accessed->log()->count() == 0 ? 0 : 7;
  }), 0));
}

#if defined(__aarch64__)
// A load that the decoder does not know: ld1b {z0.b}, p0/z, [x0], with all of p0 but its first element false.
static void load_by_predicate(const unsigned char* from) {
  register const unsigned char* address asm("x0") = from;
  asm volatile(
      ".arch_extension sve\n"
      "ptrue p0.b, vl1\n"
      "ld1b {z0.b}, p0/z, [x0]\n"
      :
      : "r"(address)
      : "v0", "memory");
}

TEST(undecoded_arm, "an access that cannot be decoded is believed where the processor names the same address") {
  if ((getauxval(AT_HWCAP) & HWCAP_SVE) == 0) {
    printf("     (this processor has no SVE)\n");
    return;
  }
  CHECK(exited(in_child([] {
    const scratch::Directory directory;
    const int fd = scratch::create(directory.file("f"), 2 * kPage);
    std::shared_ptr<ViewMapping> view;
    if (!ViewMapping::map(fd, 0, 2 * kPage, false, &view).ok() || pmem::install_sigbus_guard() != 0) return 1;
    if (ftruncate(fd, 0) != 0) return 2;
    scene::install(nullptr, scene::relabel_as_memory_failure, 0, &scene::below);
    scene::relabelled_address = reinterpret_cast<uintptr_t>(view->base()) + kPage;
    load_by_predicate(view->base() + kPage);
    return scene::calls == 1 && view->log()->count() == 1 ? 0 : 3;
  }), 0));
}
#endif
