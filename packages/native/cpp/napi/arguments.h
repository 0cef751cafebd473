// The arguments of one function of a handle. Reading one that is wrong throws in JavaScript and returns false.
#pragma once

#include <cstddef>
#include <cstdint>

#include <node_api.h>

#include "file_handle.h"
#include "values.h"

namespace binding {

template <size_t Count>
class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info) : env_(env) {
    size_t count = Count;
    void* data = nullptr;
    if (napi_get_cb_info(env, info, &count, values_, nullptr, &data) == napi_ok) file_ = static_cast<FileHandle*>(data);
  }

  bool closed() const { return file_ == nullptr || file_->closed; }

  // The file; nullptr, with an exception pending, if it is closed.
  FileHandle* open_file() const {
    if (file_ != nullptr && !file_->closed) return file_;
    napi_throw_error(env_, "ERR_PMEM_CLOSED", "the file is closed");
    return nullptr;
  }

  bool bytes(size_t index, uint64_t* bytes) const { return to_bytes(env_, values_[index], bytes); }
  bool span(size_t index, ByteSpan* span) const { return to_byte_span(env_, values_[index], span); }
  bool doubles(size_t index, DoubleSpan* span) const { return to_double_span(env_, values_[index], span); }
  bool text(size_t index, std::string* text) const { return to_text(env_, values_[index], text); }
  napi_value value(size_t index) const { return values_[index]; }

  bool boolean(size_t index, bool* boolean) const {
    if (napi_get_value_bool(env_, values_[index], boolean) == napi_ok) return true;
    napi_throw_type_error(env_, "ERR_INVALID_ARG_TYPE", "expected a boolean");
    return false;
  }

  // A range that has to lie inside the mapping.
  bool mapped_range(size_t index, uint64_t* position, uint64_t* length) const {
    if (!bytes(index, position) || !bytes(index + 1, length)) return false;
    if (file_->holds(*position, *length)) return true;
    throw_outside_mapping(env_, *position, *length, file_->mapped_bytes);
    return false;
  }

 private:
  napi_env env_;
  napi_value values_[Count] = {};
  FileHandle* file_ = nullptr;
};

}  // namespace binding
