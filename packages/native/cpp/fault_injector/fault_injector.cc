#include "fault_injector.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <sys/mman.h>
#include <sys/resource.h>

namespace {

std::string string_argument(napi_env env, napi_value value) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return {};
  std::string text(length + 1, '\0');
  napi_get_value_string_utf8(env, value, &text[0], text.size(), &length);
  text.resize(length);
  return text;
}

uint64_t number_argument(napi_env env, napi_value value) {
  int64_t number = 0;
  napi_get_value_int64(env, value, &number);
  return static_cast<uint64_t>(number);
}

void set_number(napi_env env, napi_value object, const char* name, double value) {
  napi_value number;
  napi_create_double(env, value, &number);
  napi_set_named_property(env, object, name, number);
}

// poison(path, offset, length[, 'view']): { errno, call }
napi_value poison(napi_env env, napi_callback_info info) {
  size_t count = 4;
  napi_value arguments[4];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  const char* call = "";
  const std::string path = string_argument(env, arguments[0]);
  napi_valuetype type;
  napi_typeof(env, arguments[3], &type);
  const injector::Kind kind = type == napi_undefined ? injector::Kind::file : injector::Kind::view;
  const int error =
      injector::poison(path.c_str(), number_argument(env, arguments[1]), number_argument(env, arguments[2]), kind, &call);
  napi_value outcome;
  napi_value name;
  napi_create_object(env, &outcome);
  set_number(env, outcome, "errno", error);
  napi_create_string_utf8(env, error == 0 ? "" : call, NAPI_AUTO_LENGTH, &name);
  napi_set_named_property(env, outcome, "call", name);
  return outcome;
}

// findMapping(path): { begin, end } as numbers, or undefined
napi_value find_mapping(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value arguments[1];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  uintptr_t address = 0;
  const injector::Range range = injector::find_mapping(string_argument(env, arguments[0]).c_str(), 0, injector::Kind::file, &address);
  if (range.end == 0) return nullptr;
  napi_value found;
  napi_create_object(env, &found);
  set_number(env, found, "begin", static_cast<double>(range.begin));
  set_number(env, found, "end", static_cast<double>(range.end));
  return found;
}

// installAction('siginfo' | 'plain' | 'ignore' | 'default' | 'chain'): errno
napi_value install_action(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value arguments[1];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  const std::string name = string_argument(env, arguments[0]);
  int error = 22;  // EINVAL
  if (name == "siginfo") error = injector::install_action(injector::Action::siginfo);
  if (name == "plain") error = injector::install_action(injector::Action::plain);
  if (name == "ignore") error = injector::install_action(injector::Action::ignore);
  if (name == "default") error = injector::install_action(injector::Action::fallback);
  if (name == "relabel") error = injector::install_action(injector::Action::relabel);
  if (name == "chain") error = injector::install_action(injector::Action::chain);
  napi_value number;
  napi_create_int32(env, error, &number);
  return number;
}

// actionCalls(): { count, lastCode, lastAddress }
napi_value action_calls(napi_env env, napi_callback_info) {
  const injector::ActionCalls calls = injector::action_calls();
  napi_value outcome;
  napi_create_object(env, &outcome);
  set_number(env, outcome, "count", calls.count);
  set_number(env, outcome, "lastCode", calls.last_code);
  set_number(env, outcome, "lastAddress", static_cast<double>(calls.last_address));
  return outcome;
}

// faultForeignMapping(): true if a handler jumped out of the fault
napi_value fault_foreign_mapping(napi_env env, napi_callback_info) {
  napi_value landed;
  napi_get_boolean(env, injector::fault_foreign_mapping(), &landed);
  return landed;
}

// sendAdvisory(path, offset): errno. Without a path: about an address that is not mapped.
napi_value send_advisory(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  napi_valuetype type;
  napi_typeof(env, arguments[0], &type);
  uintptr_t address = 4096;
  int error = 2;  // ENOENT
  if (type != napi_string || injector::find_mapping(string_argument(env, arguments[0]).c_str(),
                                                    number_argument(env, arguments[1]), injector::Kind::file, &address)
                                     .end != 0) {
    error = injector::send_advisory(address);
  }
  napi_value number;
  napi_create_int32(env, error, &number);
  return number;
}

// The address of byte `offset` of a mapping: (path, offset, 'file' | 'view', mappings to skip, …). False: there is
// none.
bool mapped_address(napi_env env, const napi_value* arguments, uintptr_t* address) {
  const bool view = string_argument(env, arguments[2]) == "view";
  const std::string path = string_argument(env, arguments[0]);
  const int skip = static_cast<int>(number_argument(env, arguments[3]));
  const injector::Kind kind = view ? injector::Kind::view : injector::Kind::file;
  return injector::find_mapping(path.c_str(), number_argument(env, arguments[1]), kind, address, skip).end != 0;
}

// sendMemoryFailure(path, offset, kind, skip, granuleLog2) and nameMemoryFailure(…): errno
template <bool kSend>
napi_value memory_failure(napi_env env, napi_callback_info info) {
  size_t count = 5;
  napi_value arguments[5];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  uintptr_t address = 0;
  int error = 2;  // ENOENT
  if (mapped_address(env, arguments, &address)) {
    const int log2 = static_cast<int>(number_argument(env, arguments[4]));
    error = 0;
    if (kSend) error = injector::send_memory_failure(address, log2);
    else injector::name_memory_failure(address, log2);
  }
  napi_value number;
  napi_create_int32(env, error, &number);
  return number;
}

// hugeFile(): a descriptor of an empty file on hugetlbfs, or errno as a negative number
napi_value huge_file(napi_env env, napi_callback_info) {
  const int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
  napi_value number;
  napi_create_int32(env, fd < 0 ? -errno : fd, &number);
  return number;
}

// limitDescriptors(count): how many there might be before, or errno as a negative number
napi_value limit_descriptors(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  struct rlimit limit;
  double before = -1;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    before = static_cast<double>(limit.rlim_cur);
    limit.rlim_cur = static_cast<rlim_t>(number_argument(env, argument));
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) before = -errno;
  }
  napi_value number;
  napi_create_double(env, before, &number);
  return number;
}

}  // namespace

NAPI_MODULE_INIT() {
  const struct {
    const char* name;
    napi_callback function;
  } functions[] = {
      {"poison", poison},
      {"findMapping", find_mapping},
      {"installAction", install_action},
      {"actionCalls", action_calls},
      {"faultForeignMapping", fault_foreign_mapping},
      {"sendAdvisory", send_advisory},
      {"sendMemoryFailure", memory_failure<true>},
      {"hugeFile", huge_file},
      {"limitDescriptors", limit_descriptors},
      {"nameMemoryFailure", memory_failure<false>},
  };
  for (const auto& entry : functions) {
    napi_value function;
    napi_create_function(env, entry.name, NAPI_AUTO_LENGTH, entry.function, nullptr, &function);
    napi_set_named_property(env, exports, entry.name, function);
  }
  return exports;
}
