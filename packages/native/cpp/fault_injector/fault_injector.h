// Faults on demand, for tests: never part of the addon that is published.
#pragma once

#include <cstdint>

#include <node_api.h>

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

// poison.cc: makes pages of a mapping of a tmpfs file raise SIGBUS (UFFDIO_POISON, Linux 6.6). Returns 0 or errno,
// and the name of the call that failed.
int poison(const char* path, uint64_t offset, uint64_t length, Kind kind, const char** call);

// signals.cc
// relabel: hands each fault on to the handler below as a memory failure at the address that name_memory_failure() gave.
enum class Action { siginfo, plain, ignore, fallback, chain, relabel };
int install_action(Action action);
void name_memory_failure(uintptr_t address, int granule_log2);
struct ActionCalls {
  uint32_t count;
  int last_code;
  uintptr_t last_address;
};
ActionCalls action_calls();
// Maps a file of its own, truncates it and loads from it, outside every guard. True: a handler jumped out of the fault.
bool fault_foreign_mapping();
// Sends this thread a BUS_MCEERR_AO, or a BUS_MCEERR_AR, about `address`. Returns 0 or errno.
int send_advisory(uintptr_t address);
int send_memory_failure(uintptr_t address, int granule_log2);

}  // namespace injector
