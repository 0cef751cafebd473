// A call that may block: run on a thread of the pool, settled on the JavaScript thread.
#pragma once

#include <memory>
#include <utility>

#include <node_api.h>

#include "file_handle.h"
#include "values.h"

namespace binding {

// How a call stands to the others of its file.
enum class Order { any, after_resizes, after_everything };

class AsyncCall {
 public:
  // `file` is nullptr for the call that opens one.
  AsyncCall(FileHandle* file, Order order);
  virtual ~AsyncCall();
  AsyncCall(const AsyncCall&) = delete;
  AsyncCall& operator=(const AsyncCall&) = delete;

  Order order() const { return order_; }

  // Hands the call to the pool. If that is refused, it runs on this thread at once, rather than not at all.
  void queue(napi_env env);

  // Takes the call over; returns its promise, or nullptr with an exception pending.
  static napi_value start(napi_env env, std::unique_ptr<AsyncCall> call);

 protected:
  virtual void run() = 0;
  // The value to resolve with. nullptr: reject with the pending exception, or do nothing if JavaScript cannot run.
  virtual napi_value settle(napi_env env) = 0;

  FileHandle* file() const { return file_; }

 private:
  static void execute(napi_env env, void* data);
  static void complete(napi_env env, napi_status status, void* data);

  FileHandle* const file_;
  const Order order_;
  napi_async_work work_ = nullptr;
  napi_deferred deferred_ = nullptr;
};

// A call whose whole result is a Status: undefined, or `{ errno, syscall }`.
template <typename Run>
class StatusCall final : public AsyncCall {
 public:
  StatusCall(FileHandle* file, Run run) : AsyncCall(file, Order::any), run_(std::move(run)) {}

 protected:
  void run() override { status_ = run_(); }
  napi_value settle(napi_env env) override { return failure_or_undefined(env, status_); }

 private:
  Run run_;
  pmem::Status status_;
};

template <typename Run>
napi_value start_status_call(napi_env env, FileHandle* file, Run run) {
  return AsyncCall::start(env, std::make_unique<StatusCall<Run>>(file, std::move(run)));
}

// The same for a call that flushes the file.
template <typename Run>
class FlushCall final : public AsyncCall {
 public:
  FlushCall(FileHandle* file, Run run) : AsyncCall(file, Order::any), run_(std::move(run)), flushes_(file->flushes) {}

 protected:
  void run() override { status_ = flushes_->run(run_, &untold_); }
  napi_value settle(napi_env env) override {
    if (untold_) flushes_->told();
    return failure_or_undefined(env, status_);
  }

 private:
  Run run_;
  std::shared_ptr<pmem::Flushes> flushes_;
  pmem::Status status_;
  bool untold_ = false;
};

template <typename Run>
napi_value start_flush_call(napi_env env, FileHandle* file, Run run) {
  return AsyncCall::start(env, std::make_unique<FlushCall<Run>>(file, std::move(run)));
}

}  // namespace binding
