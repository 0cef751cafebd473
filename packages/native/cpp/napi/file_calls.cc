// Calls of the kernel about the file or a range of it, on threads of the pool but for locks.
#include <algorithm>

#include "../pmem/extents.h"
#include "../pmem/media.h"
#include "../pmem/sigbus_guard.h"
#include "../pmem/zero_range_trial.h"
#include "arguments.h"
#include "async_call.h"
#include "functions.h"

namespace binding {
namespace {

class FileSizeCall final : public AsyncCall {
 public:
  explicit FileSizeCall(FileHandle* file) : AsyncCall(file, Order::any) {}

 protected:
  void run() override { status_ = pmem::file_size(file()->file.fd.number(), &size_); }

  napi_value settle(napi_env env) override {
    if (!status_.ok()) return failed_outcome(env, status_);
    return PlainObject(env).number("sizeBytes", static_cast<double>(size_)).value();
  }

 private:
  pmem::Status status_;
  uint64_t size_ = 0;
};

// Keeps the mapping as it was when the call was made, and counts a fault's position from its start.
class PersistCall final : public AsyncCall {
 public:
  PersistCall(FileHandle* file, uint64_t position, uint64_t length)
      : AsyncCall(file, Order::any),
        mapping_(file->mapping()),
        flushes_(file->flushes),
        position_(position),
        length_(length) {}

 protected:
  void run() override {
    pmem::unblock_sigbus_on_this_thread();
    outcome_ = persist_beside(
        *mapping_, *flushes_, [this](const pmem::Mapping& mapping) { return mapping.persist(position_, length_); },
        &untold_);
  }

  napi_value settle(napi_env env) override {
    if (untold_) flushes_->told();
    return persist_outcome(env, outcome_, mapping_->base());
  }

 private:
  std::shared_ptr<pmem::Mapping> mapping_;
  std::shared_ptr<pmem::Flushes> flushes_;
  uint64_t position_;
  uint64_t length_;
  pmem::PersistOutcome outcome_;
  bool untold_ = false;
};

// Four for each extent in one array: a property by its name costs a microsecond, and there may be tens of thousands.
napi_value extent_numbers(napi_env env, const pmem::ExtentList& extents) {
  constexpr size_t kNumbers = 4;
  double* next = nullptr;
  const napi_value list = new_doubles(env, kNumbers * extents.size(), &next);
  if (list == nullptr) return nullptr;
  for (const pmem::FileExtent& extent : extents) {
    *next++ = static_cast<double>(extent.offset);
    *next++ = static_cast<double>(extent.length);
    *next++ = static_cast<double>(extent.physical_offset);
    *next++ = (extent.unwritten ? 1 : 0) + (extent.shared ? 2 : 0) + (extent.unmapped ? 4 : 0);
  }
  return list;
}

class ExtentsCall final : public AsyncCall {
 public:
  ExtentsCall(FileHandle* file, uint64_t position, uint64_t length)
      : AsyncCall(file, Order::any), position_(position), length_(length) {}

 protected:
  void run() override {
    status_ =
        pmem::list_extents(file()->file.fd.number(), position_, length_, pmem::ExtentSync::yes, &extents_);
  }

  napi_value settle(napi_env env) override {
    if (!status_.ok()) return failed_outcome(env, status_);
    const napi_value list = extent_numbers(env, extents_);
    if (list == nullptr) return nullptr;
    return PlainObject(env).set("extents", list).value();
  }

 private:
  uint64_t position_;
  uint64_t length_;
  pmem::Status status_;
  pmem::ExtentList extents_;
};

class ZeroRangeTrialCall final : public AsyncCall {
 public:
  explicit ZeroRangeTrialCall(FileHandle* file) : AsyncCall(file, Order::any) {}

 protected:
  void run() override {
    const uint64_t length = std::max<uint64_t>(file()->file.block_bytes, pmem::page_bytes());
    trial_ = pmem::try_zero_range(file()->file.directory.number(), length);
  }

  napi_value settle(napi_env env) override {
    if (!trial_.status.ok()) return failed_outcome(env, trial_.status);
    const napi_value before = extent_numbers(env, trial_.before);
    const napi_value after = before == nullptr ? nullptr : extent_numbers(env, trial_.after);
    if (after == nullptr) return nullptr;
    return PlainObject(env)
        .boolean("dax", trial_.dax)
        .boolean("readsZeros", trial_.reads_zeros)
        .set("before", before)
        .set("after", after)
        .value();
  }

 private:
  pmem::ZeroRangeTrial trial_;
};

// fcntl's locks never wait, so they need no thread of the pool.
template <typename Run>
napi_value run_lock_call(napi_env env, napi_callback_info info, Run run) {
  const Arguments<2> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  uint64_t position = 0;
  uint64_t length = 0;
  if (file == nullptr || !arguments.bytes(0, &position) || !arguments.bytes(1, &length)) return nullptr;
  if (length == 0) {
    // To fcntl a length of 0 means "from here to the end of everything".
    napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "the range is empty");
    return nullptr;
  }
  return failure_or_undefined(env, run(file, position, length));
}

}  // namespace

napi_value persist_async(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  uint64_t position = 0;
  uint64_t length = 0;
  if (file == nullptr || !arguments.mapped_range(0, &position, &length)) return nullptr;
  return AsyncCall::start(env, std::make_unique<PersistCall>(file, position, length));
}

napi_value zero_range(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  uint64_t position = 0;
  uint64_t length = 0;
  if (file == nullptr || !arguments.bytes(0, &position) || !arguments.bytes(1, &length)) return nullptr;
  const int fd = file->file.fd.number();
  return start_status_call(env, file, [fd, position, length] { return pmem::zero_range(fd, position, length); });
}

napi_value try_zero_range(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  return file == nullptr ? nullptr : AsyncCall::start(env, std::make_unique<ZeroRangeTrialCall>(file));
}

napi_value lock(napi_env env, napi_callback_info info) {
  return run_lock_call(env, info, [](FileHandle* file, uint64_t position, uint64_t length) {
    return file->locks.lock(position, length);
  });
}

napi_value unlock(napi_env env, napi_callback_info info) {
  return run_lock_call(env, info, [](FileHandle* file, uint64_t position, uint64_t length) {
    return file->locks.unlock(position, length);
  });
}

napi_value sync(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  if (file == nullptr) return nullptr;
  return start_flush_call(env, file, [fd = file->file.fd.number()] { return pmem::sync_data(fd); });
}

napi_value truncate(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  uint64_t size = 0;
  if (file == nullptr || !arguments.bytes(0, &size)) return nullptr;
  return start_status_call(env, file, [fd = file->file.fd.number(), size] { return pmem::truncate_to(fd, size); });
}

napi_value file_size(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  return file == nullptr ? nullptr : AsyncCall::start(env, std::make_unique<FileSizeCall>(file));
}

// After a load of zeros, on the thread that made it: fstat does not touch the medium.
napi_value file_size_sync(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  if (file == nullptr) return nullptr;
  uint64_t size = 0;
  const pmem::Status status = pmem::file_size(file->file.fd.number(), &size);
  if (!status.ok()) return failed_outcome(env, status);
  return PlainObject(env).number("sizeBytes", static_cast<double>(size)).value();
}

napi_value extents(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  uint64_t position = 0;
  uint64_t length = 0;
  if (file == nullptr || !arguments.bytes(0, &position) || !arguments.bytes(1, &length)) return nullptr;
  return AsyncCall::start(env, std::make_unique<ExtentsCall>(file, position, length));
}

}  // namespace binding
