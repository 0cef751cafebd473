// JavaScript values in, plain values out. Every function may find that JavaScript cannot run any more (a worker that is
// being terminated): then it returns false or nullptr, and the caller returns without an error of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <node_api.h>

#include "../pmem/durable_file.h"
#include "../pmem/mapping.h"
#include "../pmem/sigbus_guard.h"
#include "../pmem/status.h"

namespace binding {

// An integer from 0 to 2^53 - 1. Not (a || b): a NaN makes every comparison false.
inline bool is_byte_count(double number) {
  return number >= 0 && number <= 9007199254740991.0 && static_cast<double>(static_cast<uint64_t>(number)) == number;
}

// The number of a user or a group as JavaScript has it: -1 if it is not known.
inline double id_of(uint32_t id) { return id == UINT32_MAX ? -1.0 : static_cast<double>(id); }

struct ByteSpan {
  unsigned char* data;
  size_t length;
};

// The bytes of a Uint8Array over an ArrayBuffer or a SharedArrayBuffer; anything else, and a detached one, throws a
// TypeError. The pointer is good until JavaScript runs again.
bool to_byte_span(napi_env env, napi_value value, ByteSpan* span);

struct DoubleSpan {
  const double* data;
  size_t length;
};

// The numbers of a Float64Array; anything else throws a TypeError. The pointer is good until JavaScript runs again.
bool to_double_span(napi_env env, napi_value value, DoubleSpan* span);

// A new Float64Array, to be filled through `numbers` before JavaScript runs again.
napi_value new_doubles(napi_env env, size_t length, double** numbers);

// A number of bytes, from 0 to 2^53 - 1. Throws a TypeError for what is no number, a RangeError for what is no integer
// or lies outside.
bool to_bytes(napi_env env, napi_value value, uint64_t* bytes);

// Throws a RangeError for a range that does not lie inside the mapping.
void throw_outside_mapping(napi_env env, uint64_t position, uint64_t length, uint64_t mapped);

// A string of JavaScript as UTF-8; anything else, and a null byte in it, throws a TypeError.
bool to_text(napi_env env, napi_value value, std::string* text);

// `{ … }` under construction.
class PlainObject {
 public:
  explicit PlainObject(napi_env env) : env_(env) { ok_ = napi_create_object(env, &object_) == napi_ok; }

  PlainObject& number(const char* name, double value);
  PlainObject& boolean(const char* name, bool value);
  PlainObject& string(const char* name, const std::string& value);
  PlainObject& bigint(const char* name, uint64_t value);
  PlainObject& set(const char* name, napi_value value);
  napi_value value() const { return ok_ ? object_ : nullptr; }

 private:
  napi_env env_;
  napi_value object_ = nullptr;
  bool ok_;
};

napi_value undefined(napi_env env);

// undefined for success, else `{ errno, syscall }`.
napi_value failure_or_undefined(napi_env env, const pmem::Status& status);

// `{ failure: { errno, syscall } }`.
napi_value failed_outcome(napi_env env, const pmem::Status& status);

// `{ position, signalCode, granuleLog2 }`; `base` is where the file's first byte is mapped.
napi_value fault_object(napi_env env, const pmem::FaultFacts& fault, const void* base);

// undefined, `{ errno, syscall }`, or a fault.
napi_value persist_outcome(napi_env env, const pmem::PersistOutcome& outcome, const void* base);

// The outcome of reading a journal: `{ status, … }`.
napi_value journal_outcome(napi_env env, const pmem::DurableRead& read);

// A Uint8Array that owns a copy of the bytes.
napi_value copied_bytes(napi_env env, const void* bytes, size_t length);

}  // namespace binding
