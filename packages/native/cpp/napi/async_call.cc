#include "async_call.h"

#include "../pmem/sigbus_guard.h"

namespace binding {

AsyncCall::AsyncCall(FileHandle* file, Order order) : file_(file), order_(order) {
  if (file_ != nullptr) file_->retain();
}

AsyncCall::~AsyncCall() {
  if (file_ != nullptr) file_->release();
}

napi_value AsyncCall::start(napi_env env, std::unique_ptr<AsyncCall> call) {
  // Cheap beside what follows. Copies cannot afford to ask whether their handler is still there.
  pmem::keep_sigbus_guard();
  napi_value promise = nullptr;
  napi_value name = nullptr;
  if (napi_create_string_utf8(env, "safe-pmem", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env, nullptr, name, execute, complete, call.get(), &call->work_) != napi_ok) {
    return nullptr;
  }
  if (napi_create_promise(env, &call->deferred_, &promise) != napi_ok) {
    napi_delete_async_work(env, call->work_);
    return nullptr;
  }
  AsyncCall* const started = call.release();
  if (started->file_ != nullptr) {
    started->file_->admit(env, started);
  } else {
    started->queue(env);
  }
  return promise;
}

void AsyncCall::queue(napi_env env) {
  if (napi_queue_async_work(env, work_) == napi_ok) return;
  run();
  complete(env, napi_ok, this);
}

void AsyncCall::execute(napi_env, void* data) { static_cast<AsyncCall*>(data)->run(); }

// Also called while a worker's environment is torn down: then every call that would run JavaScript fails, and
// the outcome goes unheard. All that matters is that the call is deleted and its file can be closed.
void AsyncCall::complete(napi_env env, napi_status, void* data) {
  const std::unique_ptr<AsyncCall> call(static_cast<AsyncCall*>(data));
  const napi_value value = call->settle(env);
  // After settle(): what waits for this call (the next resize, close) may rely on all that it has done.
  if (call->file_ != nullptr) call->file_->ended(env, call.get());
  napi_value error = nullptr;
  if (value != nullptr) {
    napi_resolve_deferred(env, call->deferred_, value);
  } else if (napi_get_and_clear_last_exception(env, &error) == napi_ok) {
    napi_reject_deferred(env, call->deferred_, error);
  }
  napi_delete_async_work(env, call->work_);
}

}  // namespace binding
