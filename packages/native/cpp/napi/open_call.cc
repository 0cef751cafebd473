#include "open_call.h"

#include <unistd.h>

#include <utility>

#include "../pmem/persist.h"
#include "async_call.h"

namespace binding {
namespace {

class OpenCall final : public AsyncCall {
 public:
  OpenCall(std::string path, const pmem::OpenOptions& options, std::shared_ptr<OpenFiles> files)
      : AsyncCall(nullptr, Order::any), path_(std::move(path)), options_(options), files_(std::move(files)) {}

 protected:
  void run() override { status_ = pmem::open_file(path_.c_str(), options_, &opened_); }

  napi_value settle(napi_env env) override {
    if (!status_.ok()) return failed_outcome(env, status_);
    FileHandle* const file = new FileHandle(std::move(opened_), options_.read_only, files_);
    // Held until the functions hold it. If they cannot be made, this closes the file.
    file->retain();
    const napi_value outcome = facts_of(env, *file, create_handle(env, file));
    file->release();
    return outcome;
  }

 private:
  static napi_value facts_of(napi_env env, const FileHandle& handle, napi_value functions) {
    const pmem::OpenedFile& file = handle.file;
    const pmem::Mapping& mapping = *handle.mapping();
    const std::string device = std::to_string(file.device_major) + ":" + std::to_string(file.device_minor);
    return PlainObject(env)
        .set("handle", functions)
        .number("number", handle.number())
        .string("path", file.path)
        .boolean("created", file.is_new)
        .bigint("inode", file.inode)
        .bigint("birthTimeNs", file.birth_time_ns)
        .number("ownerId", id_of(file.owner))
        .number("groupId", id_of(file.group))
        .number("mode", file.mode)
        .number("modifiedMs", static_cast<double>(file.modified_ms))
        .number("changedMs", static_cast<double>(file.changed_ms))
        .number("userId", geteuid())
        .string("device", device)
        .number("filesystemMagic", static_cast<double>(file.filesystem_magic))
        .boolean("dax", file.dax)
        .boolean("mapSync", mapping.map_sync())
        .string("persistInstruction", mapping.persists_by_flush() ? pmem::best_cache_flush().name : "msync")
        .number("pageBytes", static_cast<double>(pmem::page_bytes()))
        .number("blockBytes", static_cast<double>(file.block_bytes))
        .value();
  }

  std::string path_;
  pmem::OpenOptions options_;
  std::shared_ptr<OpenFiles> files_;
  pmem::OpenedFile opened_;
  pmem::Status status_;
};

}  // namespace

napi_value start_open(napi_env env, std::string path, const pmem::OpenOptions& options, std::shared_ptr<OpenFiles> files) {
  return AsyncCall::start(env, std::make_unique<OpenCall>(std::move(path), options, std::move(files)));
}

}  // namespace binding
