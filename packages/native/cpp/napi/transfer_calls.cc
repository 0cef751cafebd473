// Calls that move bytes by system call, through a buffer of their own.
#include <cstring>
#include <vector>

#include "../pmem/media.h"
#include "arguments.h"
#include "async_call.h"
#include "functions.h"
#include "own_bytes.h"

namespace binding {
namespace {

napi_value transfer_object(napi_env env, const pmem::Transferred& transferred) {
  return PlainObject(env)
      .number("transferredBytes", static_cast<double>(transferred.bytes))
      .number("errno", transferred.error)
      .value();
}

class ReadCall final : public AsyncCall {
 public:
  ReadCall(napi_env env, FileHandle* file, napi_value target, OwnBytes bytes, size_t length, uint64_t position)
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
  OwnBytes bytes_;
  size_t length_;
  uint64_t position_;
  pmem::Transferred read_;
};

class WriteCall final : public AsyncCall {
 public:
  WriteCall(FileHandle* file, OwnBytes bytes, size_t length, uint64_t position)
      : AsyncCall(file, Order::any), bytes_(std::move(bytes)), length_(length), position_(position) {}

 protected:
  void run() override { written_ = pmem::write_at(file()->file.fd.number(), bytes_.get(), length_, position_); }
  napi_value settle(napi_env env) override { return transfer_object(env, written_); }

 private:
  OwnBytes bytes_;
  size_t length_;
  uint64_t position_;
  pmem::Transferred written_;
};

class ScrubCall final : public AsyncCall {
 public:
  ScrubCall(FileHandle* file, uint64_t position, uint64_t length)
      : AsyncCall(file, Order::any), position_(position), length_(length) {}

 protected:
  void run() override { read_ = pmem::scrub_range(file()->file.fd.number(), position_, length_); }
  napi_value settle(napi_env env) override { return transfer_object(env, read_); }

 private:
  uint64_t position_;
  uint64_t length_;
  pmem::Transferred read_;
};

class RewriteCall final : public AsyncCall {
 public:
  RewriteCall(FileHandle* file, std::vector<pmem::Rewrite> pieces, OwnBytes bytes)
      : AsyncCall(file, Order::any), pieces_(std::move(pieces)), bytes_(std::move(bytes)) {}

 protected:
  void run() override {
    outcomes_ = pmem::rewrite_pieces(file()->file.fd.number(), pieces_, bytes_.get());
  }

  napi_value settle(napi_env env) override {
    constexpr size_t kNumbers = 3;
    double* next = nullptr;
    const napi_value list = new_doubles(env, kNumbers * outcomes_.size(), &next);
    if (list == nullptr) return nullptr;
    for (const pmem::Rewritten& outcome : outcomes_) {
      *next++ = static_cast<double>(outcome.transferred.bytes);
      *next++ = outcome.transferred.error;
      *next++ = outcome.reset_failed ? 1 : 0;
    }
    return list;
  }

 private:
  std::vector<pmem::Rewrite> pieces_;
  OwnBytes bytes_;
  std::vector<pmem::Rewritten> outcomes_;
};

constexpr size_t kPieceNumbers = 5;

bool to_piece(const double* numbers, pmem::Rewrite* piece) {
  uint64_t values[kPieceNumbers];
  for (size_t k = 0; k < kPieceNumbers; k++) {
    // Fetched once: another thread may be changing it.
    const double number = numbers[k];
    if (!is_byte_count(number)) return false;
    values[k] = static_cast<uint64_t>(number);
  }
  *piece = {values[0], values[1], values[2], static_cast<size_t>(values[3]), static_cast<size_t>(values[4])};
  return true;
}

// Five numbers for each piece. False, with an exception pending, if they are wrong or name bytes past `total`.
bool to_pieces(napi_env env, const DoubleSpan& numbers, size_t total, std::vector<pmem::Rewrite>* pieces) {
  bool right = numbers.length % kPieceNumbers == 0;
  for (size_t i = 0; right && i < numbers.length; i += kPieceNumbers) {
    pmem::Rewrite piece;
    right = to_piece(numbers.data + i, &piece) && piece.source_offset <= total &&
            piece.length <= total - piece.source_offset;
    if (right) pieces->push_back(piece);
  }
  if (!right) napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "expected five numbers for each piece, which lies in the bytes");
  return right;
}

}  // namespace

napi_value pread(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  ByteSpan span;
  uint64_t position = 0;
  if (file == nullptr || !arguments.span(0, &span) || !arguments.bytes(1, &position)) return nullptr;
  OwnBytes bytes = allocate_bytes(env, span.length);
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
  OwnBytes bytes = allocate_bytes(env, span.length);
  if (bytes == nullptr) return nullptr;
  if (span.length > 0) memcpy(bytes.get(), span.data, span.length);
  return AsyncCall::start(env, std::make_unique<WriteCall>(file, std::move(bytes), span.length, position));
}

napi_value scrub(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  uint64_t position = 0;
  uint64_t length = 0;
  if (file == nullptr || !arguments.bytes(0, &position) || !arguments.bytes(1, &length)) return nullptr;
  return AsyncCall::start(env, std::make_unique<ScrubCall>(file, position, length));
}

// rewrite(Float64Array of reset position, reset length, position, source offset and length in turn; all the bytes)
napi_value rewrite(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  DoubleSpan numbers;
  ByteSpan span;
  std::vector<pmem::Rewrite> pieces;
  if (file == nullptr || !arguments.doubles(0, &numbers) || !arguments.span(1, &span)) return nullptr;
  if (!to_pieces(env, numbers, span.length, &pieces)) return nullptr;
  OwnBytes bytes = allocate_bytes(env, span.length);
  if (bytes == nullptr) return nullptr;
  if (span.length > 0) memcpy(bytes.get(), span.data, span.length);
  return AsyncCall::start(env, std::make_unique<RewriteCall>(file, std::move(pieces), std::move(bytes)));
}

}  // namespace binding
