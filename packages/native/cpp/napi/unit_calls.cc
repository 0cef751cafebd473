// Reads of many units in one trip to the pool.
#include <cstring>
#include <vector>

#include "../pmem/media.h"
#include "arguments.h"
#include "async_call.h"
#include "functions.h"
#include "own_bytes.h"

namespace binding {
namespace {

class ReadEachCall final : public AsyncCall {
 public:
  ReadEachCall(napi_env env, FileHandle* file, napi_value target, std::vector<pmem::ReadPiece> pieces, OwnBytes bytes,
               size_t total)
      : AsyncCall(file, Order::any), env_(env), pieces_(std::move(pieces)), bytes_(std::move(bytes)), total_(total) {
    napi_create_reference(env, target, 1, &target_);
  }
  ~ReadEachCall() override {
    if (target_ != nullptr) napi_delete_reference(env_, target_);
  }

 protected:
  void run() override { outcomes_ = pmem::read_pieces(file()->file.fd.number(), pieces_, bytes_.get()); }

  napi_value settle(napi_env env) override {
    napi_value target = nullptr;
    ByteSpan span;
    if (napi_get_reference_value(env, target_, &target) != napi_ok || !to_byte_span(env, target, &span)) return nullptr;
    // The array may have been detached, or its buffer resized, meanwhile.
    if (span.length < total_) {
      napi_throw_type_error(env, "ERR_INVALID_ARG_VALUE", "the array was detached while it was being read into");
      return nullptr;
    }
    copy_what_was_read(span.data);
    double* next = nullptr;
    const napi_value list = new_doubles(env, 2 * outcomes_.size(), &next);
    if (list == nullptr) return nullptr;
    for (const pmem::Transferred& outcome : outcomes_) {
      *next++ = static_cast<double>(outcome.bytes);
      *next++ = outcome.error;
    }
    return list;
  }

 private:
  // Where nothing was read the memory holds whatever it held before.
  void copy_what_was_read(unsigned char* target) const {
    size_t at = 0;
    for (size_t i = 0; i < outcomes_.size(); at += pieces_[i++].length) {
      if (outcomes_[i].bytes > 0) memcpy(target + at, bytes_.get() + at, outcomes_[i].bytes);
    }
  }

  napi_env env_;
  napi_ref target_ = nullptr;
  std::vector<pmem::ReadPiece> pieces_;
  OwnBytes bytes_;
  size_t total_;
  std::vector<pmem::Transferred> outcomes_;
};

// Position and length in turn. false with an exception pending if they are wrong, or need more than `total` bytes.
bool to_read_pieces(napi_env env, const DoubleSpan& numbers, size_t total, std::vector<pmem::ReadPiece>* pieces) {
  bool right = numbers.length % 2 == 0;
  size_t used = 0;
  for (size_t i = 0; right && i < numbers.length; i += 2) {
    const double position = numbers.data[i];
    const double length = numbers.data[i + 1];
    right = is_byte_count(position) && is_byte_count(length) && length <= static_cast<double>(total - used);
    if (!right) break;
    pieces->push_back({static_cast<uint64_t>(position), static_cast<size_t>(length)});
    used += static_cast<size_t>(length);
  }
  if (!right) napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "expected positions and lengths that fit into the bytes");
  return right;
}

}  // namespace

// readEach(Float64Array of position and length in turn, the bytes that are filled)
napi_value read_each(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  DoubleSpan numbers;
  ByteSpan span;
  std::vector<pmem::ReadPiece> pieces;
  if (file == nullptr || !arguments.doubles(0, &numbers) || !arguments.span(1, &span)) return nullptr;
  if (!to_read_pieces(env, numbers, span.length, &pieces)) return nullptr;
  size_t total = 0;
  for (const pmem::ReadPiece& piece : pieces) total += piece.length;
  OwnBytes bytes = allocate_bytes(env, total);
  if (bytes == nullptr) return nullptr;
  return AsyncCall::start(
      env, std::make_unique<ReadEachCall>(env, file, arguments.value(1), std::move(pieces), std::move(bytes), total));
}

}  // namespace binding
