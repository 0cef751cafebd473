// The addon of @safe-pmem/native/testing.
#include <cstdint>
#include <string>

#include <node_api.h>

#include "poison.h"

namespace {

napi_value outcome(napi_env env, int error, const char* call, uint32_t mappings) {
  napi_value object;
  napi_value value;
  napi_create_object(env, &object);
  napi_create_int32(env, error, &value);
  napi_set_named_property(env, object, "errno", value);
  napi_create_string_utf8(env, error == 0 ? "" : call, NAPI_AUTO_LENGTH, &value);
  napi_set_named_property(env, object, "call", value);
  napi_create_uint32(env, mappings, &value);
  napi_set_named_property(env, object, "mappings", value);
  return object;
}

napi_value type_error(napi_env env, const char* message) {
  napi_throw_type_error(env, nullptr, message);
  return nullptr;
}

// poison(path, offset, length): { errno, call, mappings }
napi_value poison(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3];
  size_t length = 0;
  int64_t range[2] = {0, 0};
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok) return nullptr;
  if (napi_get_value_string_utf8(env, arguments[0], nullptr, 0, &length) != napi_ok) {
    return type_error(env, "expected a path");
  }
  std::string path(length + 1, '\0');
  napi_get_value_string_utf8(env, arguments[0], &path[0], path.size(), &length);
  for (int i = 0; i < 2; i++) {
    if (napi_get_value_int64(env, arguments[i + 1], &range[i]) != napi_ok || range[i] < 0) {
      return type_error(env, "expected numbers of bytes");
    }
  }
  const char* call = "";
  uint32_t mappings = 0;
  const int error = injector::poison_everywhere(path.c_str(), static_cast<uint64_t>(range[0]),
                                                static_cast<uint64_t>(range[1]), &mappings, &call);
  return outcome(env, error, call, mappings);
}

// canPoison(): { errno, call, mappings: 0 }
napi_value can_poison(napi_env env, napi_callback_info) {
  const char* call = "";
  const int error = injector::can_poison(&call);
  return outcome(env, error, call, 0);
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "poison", NAPI_AUTO_LENGTH, poison, nullptr, &function);
  napi_set_named_property(env, exports, "poison", function);
  napi_create_function(env, "canPoison", NAPI_AUTO_LENGTH, can_poison, nullptr, &function);
  napi_set_named_property(env, exports, "canPoison", function);
  return exports;
}
