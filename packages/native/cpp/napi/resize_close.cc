// The calls that change what is mapped, and how: resize, close, and by which pages.
#include <cerrno>

#include "../pmem/media.h"
#include "arguments.h"
#include "async_call.h"
#include "functions.h"

namespace binding {
namespace {

// The pool thread changes the file and makes a second mapping of it; the JavaScript thread puts that in the place of the
// first. Until then reads go through the first, which is still there: a read of what a shrinking file has lost faults
// and is caught. The first mapping goes when no call in flight holds it any more (see FileHandle).
class ResizeCall final : public AsyncCall {
 public:
  ResizeCall(FileHandle* file, uint64_t size, bool preallocate)
      : AsyncCall(file, Order::after_resizes),
        size_(size),
        preallocate_(preallocate),
        avoid_huge_pages_(file->mapping()->avoids_huge_pages()) {}

 protected:
  // Mapped first, which needs no bytes to be there: once the size has changed nothing can fail any more, so that a file
  // never keeps a size, nor loses bytes, for a mapping that could not be had.
  void run() override {
    const int fd = file()->file.fd.number();
    mapped_ = file()->mapped_bytes;
    status_ = pmem::Mapping::map(fd, size_, file()->writable, &mapping_);
    if (status_.error == EOVERFLOW) status_ = {EFBIG, "mmap"};
    if (status_.ok() && avoid_huge_pages_) status_ = mapping_->avoid_huge_pages();
    if (status_.ok()) status_ = pmem::resize_to(fd, mapped_, size_, preallocate_);
  }

  napi_value settle(napi_env env) override {
    if (status_.ok()) file()->adopt(std::move(mapping_));
    return failure_or_undefined(env, status_);
  }

 private:
  uint64_t size_;
  uint64_t mapped_ = 0;
  bool preallocate_;
  bool avoid_huge_pages_;
  std::shared_ptr<pmem::Mapping> mapping_;
  pmem::Status status_;
};

class CloseCall final : public AsyncCall {
 public:
  explicit CloseCall(FileHandle* file) : AsyncCall(file, Order::after_everything) {}

 protected:
  // Nothing else of this file runs now: `closed` was set when the call was made, and everything before it has ended.
  void run() override {
    file()->adopt(nullptr);
    file()->locks.close();
    status_ = file()->file.fd.close();
    file()->file.directory.close();
  }

  napi_value settle(napi_env env) override { return failure_or_undefined(env, status_); }

 private:
  pmem::Status status_;
};

}  // namespace

napi_value resize(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  uint64_t size = 0;
  bool preallocate = false;
  if (file == nullptr || !arguments.bytes(0, &size) || !arguments.boolean(1, &preallocate)) return nullptr;
  return AsyncCall::start(env, std::make_unique<ResizeCall>(file, size, preallocate));
}

napi_value avoid_huge_pages(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  return file == nullptr ? nullptr : failure_or_undefined(env, file->mapping()->avoid_huge_pages());
}

napi_value close(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  return file == nullptr ? nullptr : AsyncCall::start(env, std::make_unique<CloseCall>(file));
}

}  // namespace binding
