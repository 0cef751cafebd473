// Memory of a call of its own. A pool thread must not touch a Uint8Array: JavaScript may transfer or resize its
// ArrayBuffer meanwhile, and the memory is then freed, or used for something else.
#pragma once

#include <cstdlib>
#include <memory>

#include <node_api.h>

namespace binding {

struct FreeMemory {
  void operator()(void* memory) const { free(memory); }
};
using OwnBytes = std::unique_ptr<unsigned char, FreeMemory>;

// Holds anything: to fill megabytes with zeros on the JavaScript thread costs as much as what is done with them.
// nullptr with an exception pending if there is no memory.
inline OwnBytes allocate_bytes(napi_env env, size_t length) {
  OwnBytes bytes(static_cast<unsigned char*>(malloc(length == 0 ? 1 : length)));
  if (bytes == nullptr) napi_throw_range_error(env, "ERR_MEMORY_ALLOCATION_FAILED", "no memory for the transfer");
  return bytes;
}

}  // namespace binding
