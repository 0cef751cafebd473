// Poison on demand: pages of mapped tmpfs files that raise SIGBUS (UFFDIO_POISON, Linux 6.6). Part of the addon that
// applications test with, and of the fault injector of this package's own tests; never of the addon that they run with.
#pragma once

#include <cstdint>

namespace injector {

// The shared mapping of an open file, or the private one of a view.
enum class Kind { file, view };

struct Range {
  uintptr_t begin;
  uintptr_t end;
};

// A mapping in this process of the file with this (resolved) path that holds file byte `offset`, after `skip` others of
// its kind; {0, 0}: none.
Range find_mapping(const char* path, uint64_t offset, Kind kind, uintptr_t* address, int skip = 0);

// Makes pages of a mapping of a tmpfs file raise SIGBUS (UFFDIO_POISON, Linux 6.6). Returns 0 or errno,
// and the name of the call that failed.
int poison(const char* path, uint64_t offset, uint64_t length, Kind kind, const char** call);

// The same in every mapping that this process has of any of these bytes. `mappings` says how many there are: with none
// nothing is done, and that is no error.
int poison_everywhere(const char* path, uint64_t offset, uint64_t length, uint32_t* mappings, const char** call);

// Whether this kernel, and this process, can poison pages at all: 0 or errno, and the name of the call that failed.
int can_poison(const char** call);

}  // namespace injector
