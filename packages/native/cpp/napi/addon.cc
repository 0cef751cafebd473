// The module: `open`, one function for all files, and functions that concern the whole process. These use
// node-addon-api, since JavaScript is certain to be running. The functions of a handle are plain Node-API, for their
// cost per call and because they must survive the end of a worker.
#include <napi.h>

#include "../pmem/device_table.h"
#include "../pmem/sigbus_guard.h"
#include "functions.h"
#include "open_call.h"
#include "open_files.h"
#include "values.h"

namespace binding {
namespace {

// INTERFACE_NUMBER of src/binding.ts, raised together with it.
constexpr int kInterfaceNumber = 10;

class SafePmem final : public Napi::Addon<SafePmem> {
 public:
  SafePmem(Napi::Env env, Napi::Object exports) : files_(std::make_shared<OpenFiles>()) {
    DefineAddon(exports, {
                             InstanceMethod("open", &SafePmem::open),
                             InstanceMethod("deviceTable", &SafePmem::device_table),
                             InstanceMethod("advisoryMemoryErrors", &SafePmem::advisory_memory_errors),
                             InstanceMethod("installGuard", &SafePmem::install_guard),
                         });
    const Napi::Float64Array call = Napi::Float64Array::New(env, 2);
    napi_value read_by_number_function = nullptr;
    if (env.IsExceptionPending() || napi_create_function(env, "readByNumber", NAPI_AUTO_LENGTH, read_by_number,
                                                         files_.get(), &read_by_number_function) != napi_ok) {
      return;
    }
    napi_value watch_memory_function = nullptr;
    napi_value space_of_function = nullptr;
    if (napi_create_function(env, "watchMemory", NAPI_AUTO_LENGTH, watch_memory, nullptr, &watch_memory_function) !=
            napi_ok ||
        napi_create_function(env, "spaceOf", NAPI_AUTO_LENGTH, space_of, nullptr, &space_of_function) != napi_ok) {
      return;
    }
    call_ = Napi::Persistent(call.ArrayBuffer());
    files_->call = static_cast<const double*>(call_.Value().Data());
    exports.Set("call", call);
    exports.Set("readByNumber", read_by_number_function);
    exports.Set("watchMemory", watch_memory_function);
    exports.Set("spaceOf", space_of_function);
    exports.Set("interfaceNumber", Napi::Number::New(env, kInterfaceNumber));
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
    // On the JavaScript thread, which is where the copies will run. A thread does not block SIGBUS by itself, but
    // inherits the mask of the one that started it.
    pmem::unblock_sigbus_on_this_thread();
    return Napi::Value(env, start_open(env, path, options, files_));
  }

  // deviceTable(major, minor): `{ targets }` or `{ failure }`
  Napi::Value device_table(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    uint64_t major = 0;
    uint64_t minor = 0;
    if (!to_bytes(env, info[0], &major) || !to_bytes(env, info[1], &minor)) return {};
    const pmem::DeviceTable table = pmem::device_table(static_cast<uint32_t>(major), static_cast<uint32_t>(minor));
    if (!table.status.ok()) return Napi::Value(env, failed_outcome(env, table.status));
    const Napi::Array targets = Napi::Array::New(env, table.targets.size());
    for (uint32_t i = 0; i < table.targets.size(); i++) {
      const pmem::TableTarget& target = table.targets[i];
      PlainObject described(env);
      described.number("firstSector", static_cast<double>(target.first_sector))
          .number("sectors", static_cast<double>(target.sectors))
          .string("type", target.type)
          .string("parameters", target.parameters);
      targets.Set(i, Napi::Value(env, described.value()));
    }
    return Napi::Value(env, PlainObject(env).set("targets", targets).value());
  }

  Napi::Value advisory_memory_errors(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(pmem::advisory_memory_errors()));
  }

  Napi::Value install_guard(const Napi::CallbackInfo& info) {
    pmem::keep_sigbus_guard();
    return info.Env().Undefined();
  }

  std::shared_ptr<OpenFiles> files_;
  Napi::Reference<Napi::ArrayBuffer> call_;
};

NODE_API_ADDON(SafePmem)

}  // namespace
}  // namespace binding
