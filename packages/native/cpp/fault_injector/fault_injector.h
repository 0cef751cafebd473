// Faults on demand, for tests: never part of the addon that is published.
#pragma once

#include <cstdint>

#include <node_api.h>

#include "../testing/poison.h"

namespace injector {

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
