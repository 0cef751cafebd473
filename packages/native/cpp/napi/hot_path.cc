// read, write and persist: three Node-API calls each, no allocation and no JavaScript on success.
#include "../pmem/guarded_copy.h"
#include "arguments.h"
#include "functions.h"

namespace binding {
namespace {

// EBADF, which a system call on a closed descriptor would give.
constexpr pmem::Status kClosed = {9, "msync"};

// What read and write share. The mapping's bounds are checked here although PmemFile has checked them: beyond them lies
// whatever the process has mapped next, and no sanitizer sees an overrun of a mapping.
struct Copy {
  FileHandle* file = nullptr;
  ByteSpan buffer = {nullptr, 0};
  unsigned char* mapped = nullptr;

  bool prepare(napi_env env, napi_callback_info info) {
    const Arguments<2> arguments(env, info);
    uint64_t position = 0;
    file = arguments.open_file();
    if (file == nullptr || !arguments.span(0, &buffer) || !arguments.bytes(1, &position)) return false;
    if (!file->holds(position, buffer.length)) {
      throw_outside_mapping(env, position, buffer.length, file->mapped_bytes);
      return false;
    }
    mapped = file->base + position;
    // Nothing to copy, and for an empty file or array no address to copy from or to.
    return buffer.length > 0;
  }
};

}  // namespace

napi_value read(napi_env env, napi_callback_info info) {
  Copy copy;
  if (!copy.prepare(env, info)) return nullptr;
  pmem::FaultFacts fault;
  if (pmem::guarded_copy(copy.buffer.data, copy.mapped, copy.buffer.length, copy.mapped, &fault)) return nullptr;
  return fault_object(env, fault, copy.file->base);
}

napi_value write(napi_env env, napi_callback_info info) {
  Copy copy;
  if (!copy.prepare(env, info)) return nullptr;
  if (!copy.file->writable) {
    // A store to a mapping without PROT_WRITE is a SIGSEGV, which nobody guards.
    napi_throw_error(env, "ERR_PMEM_READ_ONLY", "the file is open for reading only");
    return nullptr;
  }
  pmem::FaultFacts fault;
  if (pmem::guarded_copy(copy.mapped, copy.buffer.data, copy.buffer.length, copy.mapped, &fault)) return nullptr;
  return fault_object(env, fault, copy.file->base);
}

napi_value persist(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  if (arguments.closed()) return failure_or_undefined(env, kClosed);
  FileHandle* const file = arguments.open_file();
  uint64_t position = 0;
  uint64_t length = 0;
  if (!arguments.mapped_range(0, &position, &length)) return nullptr;
  const pmem::PersistOutcome outcome = file->mapping()->persist(position, length);
  return outcome.faulted || !outcome.status.ok() ? persist_outcome(env, outcome, file->base) : nullptr;
}

}  // namespace binding
