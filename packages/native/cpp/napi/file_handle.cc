#include "file_handle.h"

#include <utility>

#include "async_call.h"

namespace binding {

FileHandle::FileHandle(pmem::OpenedFile&& opened, bool read_only, std::shared_ptr<OpenFiles> files)
    : writable(!read_only),
      file(std::move(opened)),
      journal(file.directory.number(), file.fd.number(), {file.owner, file.group, file.mode}),
      locks(file.fd.number(), file.directory.number()),
      files_(std::move(files)),
      number_(files_->add(this)) {
  base = file.mapping->base();
  mapped_bytes = file.mapping->length();
}

void FileHandle::adopt(std::shared_ptr<pmem::Mapping> mapping) {
  file.mapping = std::move(mapping);
  base = file.mapping == nullptr ? nullptr : file.mapping->base();
  mapped_bytes = file.mapping == nullptr ? 0 : file.mapping->length();
}

void FileHandle::admit(napi_env env, AsyncCall* call) {
  if (call->order() == Order::after_everything) {
    closed = true;
    if (in_flight_ > 0) {
      waiting_close_ = call;
    } else {
      call->queue(env);
    }
    return;
  }
  in_flight_++;
  if (call->order() == Order::after_resizes) {
    if (resizing_) {
      waiting_resizes_.push_back(call);
      return;
    }
    resizing_ = true;
  }
  call->queue(env);
}

void FileHandle::ended(napi_env env, AsyncCall* call) {
  if (call->order() == Order::after_everything) return;
  in_flight_--;
  if (call->order() == Order::after_resizes) {
    if (waiting_resizes_.empty()) {
      resizing_ = false;
    } else {
      AsyncCall* const next = waiting_resizes_.front();
      waiting_resizes_.pop_front();
      next->queue(env);
    }
  }
  if (in_flight_ == 0 && waiting_close_ != nullptr) std::exchange(waiting_close_, nullptr)->queue(env);
}

}  // namespace binding
