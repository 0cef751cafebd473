// Mapped memory as ArrayBuffers, which JavaScript touches without a call. What a fault does there: pmem/substitution.h.
#include "../pmem/view_mapping.h"
#include "arguments.h"
#include "functions.h"

namespace binding {
namespace {

// An ArrayBuffer over memory that `owner` keeps, as long as the buffer is neither collected nor detached. undefined
// if this runtime allows no ArrayBuffers over foreign memory.
template <typename Owner>
napi_value buffer_over(napi_env env, const std::shared_ptr<Owner>& owner, void* data, size_t length) {
  std::shared_ptr<Owner>* const held = new std::shared_ptr<Owner>(owner);
  const auto release = [](napi_env, void*, void* hint) { delete static_cast<std::shared_ptr<Owner>*>(hint); };
  napi_value buffer = nullptr;
  const napi_status status = napi_create_external_arraybuffer(env, data, length, release, held, &buffer);
  if (status == napi_ok) return buffer;
  // JavaScript gets no buffer, so nothing touches the memory: the owner is released now. Whether `release` still
  // runs is known for one status only. For the others these 16 bytes may stay: Node 20 to 24 answer
  // napi_pending_exception both if the array is too large for the engine, when they queue `release`, and if the thread
  // is being terminated, when they do not.
  held->reset();
  if (status != napi_no_external_buffers_allowed) return nullptr;
  delete held;
  return undefined(env);
}

// The log outlives its mapping: how many faults there were can be asked when the memory is gone.
napi_value counter_of(napi_env env, const std::shared_ptr<pmem::SubstitutionLog>& log) {
  return buffer_over(env, log, log->counter(), sizeof(int32_t));
}

// What the functions of a view need after its memory is gone.
struct ViewState {
  std::weak_ptr<pmem::ViewMapping> mapping;
  std::shared_ptr<pmem::SubstitutionLog> log;
  uintptr_t base;
  uint64_t position;
};

napi_value view_faults(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  if (napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data) != napi_ok) return nullptr;
  const ViewState& view = *static_cast<ViewState*>(data);
  const pmem::SubstitutionLog& log = *view.log;
  napi_value faults = nullptr;
  if (!log.recorded()) return undefined(env);
  if (napi_create_array(env, &faults) != napi_ok) return nullptr;
  const size_t count = log.count();
  for (size_t i = 0; i < count; i++) {
    const pmem::SubstitutionRecord* const record = log.record(i);
    // Further faults than those took the whole view away.
    if (record == nullptr) break;
    const uintptr_t begin = record->begin.load(std::memory_order_relaxed);
    const napi_value fault = PlainObject(env)
                                 .number("position", static_cast<double>(begin - view.base + view.position))
                                 .number("length", static_cast<double>(record->end.load(std::memory_order_relaxed) - begin))
                                 .number("signalCode", record->fault.signal_code)
                                 .value();
    if (fault == nullptr || napi_set_element(env, faults, static_cast<uint32_t>(i), fault) != napi_ok) return nullptr;
  }
  return faults;
}

// release(buffer): the engine frees what a detached buffer pointed to in a later turn of the event loop, so the memory
// is unmapped here. A buffer that was handed to another thread is empty on this one, and keeps its memory.
napi_value release_view(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value buffer = nullptr;
  void* data = nullptr;
  if (napi_get_cb_info(env, info, &count, &buffer, nullptr, &data) != napi_ok) return nullptr;
  const ViewState& view = *static_cast<ViewState*>(data);
  void* memory = nullptr;
  size_t length = 0;
  if (napi_get_arraybuffer_info(env, buffer, &memory, &length) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "expected the ArrayBuffer of the view");
    return nullptr;
  }
  const std::shared_ptr<pmem::ViewMapping> mapping = view.mapping.lock();
  if (length == 0 || mapping == nullptr || mapping->base() != memory) return undefined(env);
  if (napi_detach_arraybuffer(env, buffer) == napi_ok) mapping->unmap();
  return undefined(env);
}

napi_value view_function(napi_env env, const char* name, napi_callback callback,
                         const std::shared_ptr<pmem::ViewMapping>& mapping) {
  ViewState* const held =
      new ViewState{mapping, mapping->log(), reinterpret_cast<uintptr_t>(mapping->base()), mapping->position()};
  napi_value function = nullptr;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, held, &function) == napi_ok) {
    const auto release = [](napi_env, void* data, void*) { delete static_cast<ViewState*>(data); };
    if (napi_add_finalizer(env, function, held, release, nullptr, nullptr) == napi_ok) return function;
  }
  delete held;
  return nullptr;
}

}  // namespace

napi_value window(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  uint64_t position = 0;
  uint64_t length = 0;
  if (file == nullptr || !arguments.mapped_range(0, &position, &length)) return nullptr;
  return buffer_over(env, file->mapping(), file->base + position, length);
}

napi_value fault_counter(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  return file == nullptr ? nullptr : counter_of(env, file->mapping()->log());
}

napi_value take_fault(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  if (file == nullptr) return nullptr;
  pmem::FaultFacts fault;
  if (!file->mapping()->take_fault(file->file.fd.number(), &fault)) return undefined(env);
  const napi_value taken = fault_object(env, fault, file->base);
  // A failure to map the pages back leaves nothing mapped.
  file->mapped_bytes = file->mapping()->length();
  return taken;
}

napi_value view(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  uint64_t position = 0;
  uint64_t length = 0;
  if (file == nullptr || !arguments.mapped_range(0, &position, &length)) return nullptr;
  if (length == 0) {
    napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "a view has at least one byte");
    return nullptr;
  }
  pmem::keep_sigbus_guard();
  std::shared_ptr<pmem::ViewMapping> mapping;
  const pmem::Status status = pmem::ViewMapping::map(file->file.fd.number(), position, length,
                                                       file->mapping()->avoids_huge_pages(), &mapping);
  if (!status.ok()) return failed_outcome(env, status);
  return PlainObject(env)
      .number("position", static_cast<double>(mapping->position()))
      .set("buffer", buffer_over(env, mapping, mapping->base(), mapping->length()))
      .set("counter", counter_of(env, mapping->log()))
      .set("faults", view_function(env, "faults", view_faults, mapping))
      .set("release", view_function(env, "release", release_view, mapping))
      .value();
}

napi_value detach(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  // The buffer's finalizer lets go of the mapping; whoever still holds an array over it finds it empty.
  if (napi_detach_arraybuffer(env, arguments.value(0)) == napi_ok) return nullptr;
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "expected an ArrayBuffer over mapped memory");
  return nullptr;
}

}  // namespace binding
