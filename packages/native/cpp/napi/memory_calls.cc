// Notices of lost memory (BUS_MCEERR_AO) on their way to JavaScript: from the thread that hears of them to the thread
// that listens.
#include <memory>
#include <string>

#include "../pmem/memory_notices.h"
#include "functions.h"
#include "values.h"

namespace binding {
namespace {

// Held by the threadsafe function, until Node-API has let go of it, and by the function that ends the listening, until
// it is collected. Both happen on the JavaScript thread.
class NoticeListener {
 public:
  void retain() { references_++; }
  void release() {
    if (--references_ == 0) delete this;
  }

  pmem::Status begin(napi_threadsafe_function call) {
    call_ = call;
    return pmem::add_notice_sink(hear, this);
  }
  // Nothing is called after this. A second call does nothing.
  void end() {
    if (call_ == nullptr) return;
    pmem::remove_notice_sink(this);
    napi_release_threadsafe_function(call_, napi_tsfn_abort);
    call_ = nullptr;
  }
  // The environment ends, and the threadsafe function with it.
  void lost() {
    pmem::remove_notice_sink(this);
    call_ = nullptr;
  }

 private:
  ~NoticeListener() = default;

  static void hear(void* context, const pmem::MemoryNotice& notice) {
    auto* const listener = static_cast<NoticeListener*>(context);
    auto told = std::make_unique<pmem::MemoryNotice>(notice);
    if (napi_call_threadsafe_function(listener->call_, told.get(), napi_tsfn_nonblocking) == napi_ok) told.release();
  }

  int references_ = 0;
  napi_threadsafe_function call_ = nullptr;
};

// env and function are nullptr if the environment is being torn down: then the notice is dropped.
void tell(napi_env env, napi_value function, void*, void* data) {
  const std::unique_ptr<pmem::MemoryNotice> notice(static_cast<pmem::MemoryNotice*>(data));
  if (env == nullptr || function == nullptr) return;
  napi_value argument = PlainObject(env)
                            .string("device", std::to_string(notice->device_major) + ":" +
                                                  std::to_string(notice->device_minor))
                            .bigint("inode", notice->inode)
                            .number("position", static_cast<double>(notice->position))
                            .number("length", static_cast<double>(notice->length))
                            .value();
  napi_value receiver = undefined(env);
  if (argument != nullptr && receiver != nullptr) napi_call_function(env, receiver, function, 1, &argument, nullptr);
}

void forget(napi_env, void* data, void*) {
  auto* const listener = static_cast<NoticeListener*>(data);
  listener->lost();
  listener->release();
}

void collected(napi_env, void* data, void*) { static_cast<NoticeListener*>(data)->release(); }

napi_value stop(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  if (napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data) != napi_ok) return nullptr;
  static_cast<NoticeListener*>(data)->end();
  return undefined(env);
}

}  // namespace

// watchMemory(heard): a function that ends it, or `{ failure }`.
napi_value watch_memory(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value heard = nullptr;
  napi_valuetype type = napi_undefined;
  if (napi_get_cb_info(env, info, &count, &heard, nullptr, nullptr) != napi_ok) return nullptr;
  if (count < 1 || napi_typeof(env, heard, &type) != napi_ok || type != napi_function) {
    napi_throw_type_error(env, nullptr, "expected a function");
    return nullptr;
  }
  napi_value name = nullptr;
  napi_value function = nullptr;
  auto* const listener = new NoticeListener;
  listener->retain();
  if (napi_create_function(env, "stop", NAPI_AUTO_LENGTH, stop, listener, &function) != napi_ok ||
      napi_add_finalizer(env, function, listener, collected, nullptr, nullptr) != napi_ok) {
    listener->release();
    return nullptr;
  }
  napi_threadsafe_function call = nullptr;
  listener->retain();
  if (napi_create_string_utf8(env, "safe-pmem", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_threadsafe_function(env, heard, nullptr, name, 0, 1, listener, forget, nullptr, tell, &call) !=
          napi_ok) {
    listener->release();
    return nullptr;
  }
  // A process that only listens may end.
  napi_unref_threadsafe_function(env, call);
  const pmem::Status status = listener->begin(call);
  if (status.ok()) return function;
  listener->end();
  return failed_outcome(env, status);
}

}  // namespace binding
