// What a filesystem says of its device, on a thread of the pool.
#include <string>
#include <utility>
#include <vector>

#include "../pmem/space_map.h"
#include "async_call.h"
#include "functions.h"

namespace binding {
namespace {

class SpaceCall final : public AsyncCall {
 public:
  SpaceCall(std::string directory, std::vector<pmem::Space> asked)
      : AsyncCall(nullptr, Order::any), directory_(std::move(directory)), asked_(std::move(asked)) {}

 protected:
  void run() override {
    for (const pmem::Space& range : asked_) {
      if (status_.ok()) status_ = pmem::list_space(directory_.c_str(), range.offset, range.length, &found_);
    }
  }

  napi_value settle(napi_env env) override {
    if (!status_.ok()) return failed_outcome(env, status_);
    double* next = nullptr;
    const napi_value list = new_doubles(env, 3 * found_.size(), &next);
    if (list == nullptr) return nullptr;
    for (const pmem::Space& space : found_) {
      *next++ = static_cast<double>(space.offset);
      *next++ = static_cast<double>(space.length);
      *next++ = static_cast<double>(space.use);
    }
    return PlainObject(env).set("spaces", list).value();
  }

 private:
  std::string directory_;
  std::vector<pmem::Space> asked_;
  std::vector<pmem::Space> found_;
  pmem::Status status_;
};

}  // namespace

// spaceOf(directory, pairs): a promise of `{ spaces }`, three numbers for each, or `{ failure }`.
napi_value space_of(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2] = {nullptr, nullptr};
  std::string directory;
  DoubleSpan pairs;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok ||
      !to_text(env, arguments[0], &directory) || !to_double_span(env, arguments[1], &pairs)) {
    return nullptr;
  }
  std::vector<pmem::Space> asked;
  for (size_t i = 0; i + 1 < pairs.length; i += 2) {
    if (!is_byte_count(pairs.data[i]) || !is_byte_count(pairs.data[i + 1])) {
      napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "expected offsets and lengths in bytes");
      return nullptr;
    }
    const auto offset = static_cast<uint64_t>(pairs.data[i]);
    asked.push_back({offset, static_cast<uint64_t>(pairs.data[i + 1]), pmem::SpaceUse::allocated});
  }
  return AsyncCall::start(env, std::make_unique<SpaceCall>(std::move(directory), std::move(asked)));
}

}  // namespace binding
