#include "values.h"

#include <cstring>

namespace binding {
bool to_byte_span(napi_env env, napi_value value, ByteSpan* span) {
  napi_typedarray_type type;
  void* data = nullptr;
  size_t length = 0;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "expected a Uint8Array");
    return false;
  }
  if (length == 0) {
    // Of a detached array the engine says only that it is empty; whether it ever held bytes is in its buffer.
    napi_value buffer = nullptr;
    bool detached = false;
    if (napi_get_typedarray_info(env, value, nullptr, nullptr, nullptr, &buffer, nullptr) != napi_ok ||
        napi_is_detached_arraybuffer(env, buffer, &detached) != napi_ok || detached) {
      napi_throw_type_error(env, "ERR_INVALID_STATE", "the Uint8Array is detached");
      return false;
    }
  }
  *span = {static_cast<unsigned char*>(data), length};
  return true;
}

bool to_double_span(napi_env env, napi_value value, DoubleSpan* span) {
  napi_typedarray_type type;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, value, &type, &span->length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_float64_array) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "expected a Float64Array");
    return false;
  }
  span->data = static_cast<const double*>(data);
  return true;
}

napi_value new_doubles(napi_env env, size_t length, double** numbers) {
  napi_value buffer = nullptr;
  napi_value list = nullptr;
  void* data = nullptr;
  if (napi_create_arraybuffer(env, length * sizeof(double), &data, &buffer) != napi_ok ||
      napi_create_typedarray(env, napi_float64_array, length, buffer, 0, &list) != napi_ok) {
    return nullptr;
  }
  *numbers = static_cast<double*>(data);
  return list;
}

bool to_bytes(napi_env env, napi_value value, uint64_t* bytes) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "expected a number of bytes");
    return false;
  }
  if (!is_byte_count(number)) {
    napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "a number of bytes is an integer from 0 to 2^53 - 1");
    return false;
  }
  *bytes = static_cast<uint64_t>(number);
  return true;
}

bool to_text(napi_env env, napi_value value, std::string* text) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "expected a string");
    return false;
  }
  // Node-API writes a null byte after the last.
  text->resize(length + 1);
  if (napi_get_value_string_utf8(env, value, &(*text)[0], length + 1, &length) != napi_ok) return false;
  text->resize(length);
  if (text->find('\0') == std::string::npos) return true;
  napi_throw_type_error(env, "ERR_INVALID_ARG_VALUE", "the string holds a null byte");
  return false;
}

void throw_outside_mapping(napi_env env, uint64_t position, uint64_t length, uint64_t mapped) {
  const std::string message = std::to_string(length) + " bytes at " + std::to_string(position) +
                              " do not lie inside the " + std::to_string(mapped) + " bytes that are mapped";
  napi_throw_range_error(env, "ERR_OUT_OF_RANGE", message.c_str());
}

PlainObject& PlainObject::number(const char* name, double value) {
  napi_value number = nullptr;
  ok_ = ok_ && napi_create_double(env_, value, &number) == napi_ok;
  return set(name, number);
}

PlainObject& PlainObject::boolean(const char* name, bool value) {
  napi_value boolean = nullptr;
  ok_ = ok_ && napi_get_boolean(env_, value, &boolean) == napi_ok;
  return set(name, boolean);
}

PlainObject& PlainObject::string(const char* name, const std::string& value) {
  napi_value string = nullptr;
  ok_ = ok_ && napi_create_string_utf8(env_, value.data(), value.size(), &string) == napi_ok;
  return set(name, string);
}

PlainObject& PlainObject::bigint(const char* name, uint64_t value) {
  napi_value bigint = nullptr;
  ok_ = ok_ && napi_create_bigint_uint64(env_, value, &bigint) == napi_ok;
  return set(name, bigint);
}

PlainObject& PlainObject::set(const char* name, napi_value value) {
  ok_ = ok_ && value != nullptr && napi_set_named_property(env_, object_, name, value) == napi_ok;
  return *this;
}

napi_value undefined(napi_env env) {
  napi_value value = nullptr;
  return napi_get_undefined(env, &value) == napi_ok ? value : nullptr;
}

napi_value failure_or_undefined(napi_env env, const pmem::Status& status) {
  if (status.ok()) return undefined(env);
  return PlainObject(env).number("errno", status.error).string("syscall", status.call).value();
}

napi_value failed_outcome(napi_env env, const pmem::Status& status) {
  return PlainObject(env).set("failure", failure_or_undefined(env, status)).value();
}

napi_value fault_object(napi_env env, const pmem::FaultFacts& fault, const void* base) {
  const uintptr_t first = reinterpret_cast<uintptr_t>(base);
  // A granule is never larger than the mapping's alignment, so this clamps nothing the kernel is known to send.
  const uintptr_t position = fault.address > first ? fault.address - first : 0;
  return PlainObject(env)
      .number("position", static_cast<double>(position))
      .number("signalCode", fault.signal_code)
      .number("granuleLog2", fault.granule_log2)
      .value();
}

napi_value persist_outcome(napi_env env, const pmem::PersistOutcome& outcome, const void* base) {
  if (outcome.faulted) return fault_object(env, outcome.fault, base);
  if (!outcome.truncated) return failure_or_undefined(env, outcome.status);
  return PlainObject(env).number("fileSizeBytes", static_cast<double>(outcome.file_size)).value();
}

napi_value journal_outcome(napi_env env, const pmem::DurableRead& read) {
  PlainObject outcome(env);
  switch (read.state) {
    case pmem::DurableState::present:
      return outcome.string("status", "present")
          .set("bytes", copied_bytes(env, read.bytes.data(), read.bytes.size()))
          .number("ownerId", id_of(read.owner))
          .number("modifiedMs", static_cast<double>(read.modified_ms))
          .boolean("isElsewhere", read.elsewhere)
          .set("mark", read.mark.empty() ? undefined(env) : copied_bytes(env, read.mark.data(), read.mark.size()))
          .value();
    case pmem::DurableState::absent:
      return outcome.string("status", "absent").value();
    case pmem::DurableState::too_large:
      return outcome.string("status", "too-large").number("sizeBytes", static_cast<double>(read.size)).value();
    case pmem::DurableState::failed:
      break;
  }
  return outcome.string("status", "failed").set("failure", failure_or_undefined(env, read.failure)).value();
}

napi_value copied_bytes(napi_env env, const void* bytes, size_t length) {
  void* target = nullptr;
  napi_value buffer = nullptr;
  napi_value array = nullptr;
  if (napi_create_arraybuffer(env, length, &target, &buffer) != napi_ok) return nullptr;
  if (length > 0) memcpy(target, bytes, length);
  return napi_create_typedarray(env, napi_uint8_array, length, buffer, 0, &array) == napi_ok ? array : nullptr;
}

}  // namespace binding
