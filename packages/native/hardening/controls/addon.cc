// The mistakes as an addon: an object with one function, `make(which)`.
#include <node_api.h>

extern "C" int make_mistake(const char* which);

namespace {

napi_value make(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument = nullptr;
  char which[32] = {};
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  napi_get_value_string_utf8(env, argument, which, sizeof which, nullptr);
  make_mistake(which);
  return nullptr;
}

napi_value start(napi_env env, napi_value exports) {
  napi_value function = nullptr;
  napi_create_function(env, "make", NAPI_AUTO_LENGTH, make, nullptr, &function);
  napi_set_named_property(env, exports, "make", function);
  return exports;
}

}  // namespace

NAPI_MODULE(controls, start)
