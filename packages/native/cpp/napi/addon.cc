// The module: `open` and one counter. node-addon-api where JavaScript is certain to be running; the functions of a
// handle are plain Node-API, for their cost per call and because they must survive the end of a worker.
#include <napi.h>

#include "../pmem/sigbus_guard.h"
#include "open_call.h"
#include "values.h"

namespace binding {
namespace {

class SafePmem final : public Napi::Addon<SafePmem> {
 public:
  SafePmem(Napi::Env, Napi::Object exports) {
    DefineAddon(exports, {
                             InstanceMethod("open", &SafePmem::open),
                             InstanceMethod("advisoryMemoryErrors", &SafePmem::advisory_memory_errors),
                         });
  }

 private:
  // open(path, readOnly, create, sizeBytes | undefined, preallocate)
  Napi::Value open(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (!info[0].IsString() || !info[1].IsBoolean() || !info[2].IsBoolean() || !info[4].IsBoolean()) {
      Napi::TypeError::New(env, "expected (string, boolean, boolean, number?, boolean)").ThrowAsJavaScriptException();
      return {};
    }
    const std::string path = info[0].As<Napi::String>().Utf8Value();
    if (path.empty() || path.find('\0') != std::string::npos) {
      Napi::TypeError::New(env, "a path is not empty and holds no NUL").ThrowAsJavaScriptException();
      return {};
    }
    pmem::OpenOptions options;
    options.read_only = info[1].As<Napi::Boolean>().Value();
    options.create = info[2].As<Napi::Boolean>().Value();
    options.preallocate = info[4].As<Napi::Boolean>().Value();
    options.has_size = !info[3].IsUndefined();
    if (options.has_size && !to_bytes(env, info[3], &options.size)) return {};
    // On the JavaScript thread, which is where the copies will run. A thread is not born with SIGBUS blocked, but it
    // inherits the mask of the one that started it.
    pmem::unblock_sigbus_on_this_thread();
    return Napi::Value(env, start_open(env, path, options));
  }

  Napi::Value advisory_memory_errors(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(pmem::advisory_memory_errors()));
  }
};

NODE_API_ADDON(SafePmem)

}  // namespace
}  // namespace binding
