// pread and pwrite through a buffer of their own. A pool thread must not touch a Uint8Array: JavaScript may transfer or
// resize its ArrayBuffer meanwhile, and the memory then belongs to somebody else, or to nobody.
#include <cstdlib>
#include <cstring>

#include "../pmem/media.h"
#include "arguments.h"
#include "async_call.h"
#include "functions.h"

namespace binding {
namespace {

struct FreeMemory {
  void operator()(void* memory) const { free(memory); }
};
using Bytes = std::unique_ptr<void, FreeMemory>;

Bytes allocate(napi_env env, size_t length) {
  Bytes bytes(malloc(length == 0 ? 1 : length));
  if (bytes == nullptr) napi_throw_range_error(env, "ERR_MEMORY_ALLOCATION_FAILED", "no memory for the transfer");
  return bytes;
}

napi_value transfer_object(napi_env env, const pmem::Transferred& transferred) {
  return PlainObject(env)
      .number("transferredBytes", static_cast<double>(transferred.bytes))
      .number("errno", transferred.error)
      .value();
}

class ReadCall final : public AsyncCall {
 public:
  ReadCall(napi_env env, FileHandle* file, napi_value target, Bytes bytes, size_t length, uint64_t position)
      : AsyncCall(file, Order::any), env_(env), bytes_(std::move(bytes)), length_(length), position_(position) {
    napi_create_reference(env, target, 1, &target_);
  }
  ~ReadCall() override {
    if (target_ != nullptr) napi_delete_reference(env_, target_);
  }

 protected:
  void run() override { read_ = pmem::read_at(file()->file.fd.number(), bytes_.get(), length_, position_); }

  napi_value settle(napi_env env) override {
    napi_value target = nullptr;
    ByteSpan span;
    if (target_ == nullptr || napi_get_reference_value(env, target_, &target) != napi_ok) return nullptr;
    if (!to_byte_span(env, target, &span)) return nullptr;
    if (span.length < read_.bytes) {
      napi_throw_type_error(env, "ERR_INVALID_STATE", "the Uint8Array shrank during the read");
      return nullptr;
    }
    if (read_.bytes > 0) memcpy(span.data, bytes_.get(), read_.bytes);
    return transfer_object(env, read_);
  }

 private:
  napi_env env_;
  napi_ref target_ = nullptr;
  Bytes bytes_;
  size_t length_;
  uint64_t position_;
  pmem::Transferred read_;
};

class WriteCall final : public AsyncCall {
 public:
  WriteCall(FileHandle* file, Bytes bytes, size_t length, uint64_t position)
      : AsyncCall(file, Order::any), bytes_(std::move(bytes)), length_(length), position_(position) {}

 protected:
  void run() override { written_ = pmem::write_at(file()->file.fd.number(), bytes_.get(), length_, position_); }
  napi_value settle(napi_env env) override { return transfer_object(env, written_); }

 private:
  Bytes bytes_;
  size_t length_;
  uint64_t position_;
  pmem::Transferred written_;
};

}  // namespace

napi_value pread(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  ByteSpan span;
  uint64_t position = 0;
  if (file == nullptr || !arguments.span(0, &span) || !arguments.bytes(1, &position)) return nullptr;
  Bytes bytes = allocate(env, span.length);
  if (bytes == nullptr) return nullptr;
  return AsyncCall::start(env, std::make_unique<ReadCall>(env, file, arguments.value(0), std::move(bytes), span.length,
                                                          position));
}

napi_value pwrite(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  ByteSpan span;
  uint64_t position = 0;
  if (file == nullptr || !arguments.span(0, &span) || !arguments.bytes(1, &position)) return nullptr;
  Bytes bytes = allocate(env, span.length);
  if (bytes == nullptr) return nullptr;
  if (span.length > 0) memcpy(bytes.get(), span.data, span.length);
  return AsyncCall::start(env, std::make_unique<WriteCall>(file, std::move(bytes), span.length, position));
}

}  // namespace binding
