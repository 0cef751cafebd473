// The mark of the file, which names its journal, and the names of the file.
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>

#include "../pmem/mark.h"
#include "arguments.h"
#include "async_call.h"
#include "functions.h"

namespace binding {
namespace {

bool to_mark(const Arguments<1>& arguments, std::string* mark) {
  ByteSpan span;
  if (!arguments.span(0, &span)) return false;
  mark->assign(reinterpret_cast<const char*>(span.data), span.length);
  return true;
}

}  // namespace

napi_value read_mark(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  if (file == nullptr) return nullptr;
  const pmem::MarkRead read = pmem::read_mark(file->file.fd.number());
  PlainObject outcome(env);
  switch (read.state) {
    case pmem::MarkState::present:
      return outcome.string("status", "present")
          .set("bytes", copied_bytes(env, read.bytes.data(), read.bytes.size()))
          .value();
    case pmem::MarkState::absent:
      return outcome.string("status", "absent").value();
    case pmem::MarkState::unsupported:
      return outcome.string("status", "unsupported").value();
    case pmem::MarkState::failed:
      break;
  }
  return outcome.string("status", "failed").set("failure", failure_or_undefined(env, read.failure)).value();
}

napi_value write_mark(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  std::string mark;
  if (file == nullptr || !to_mark(arguments, &mark)) return nullptr;
  const int fd = file->file.fd.number();
  return start_flush_call(env, file, [fd, mark = std::move(mark)] { return pmem::write_mark(fd, mark); });
}

napi_value write_mark_sync(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  std::string mark;
  if (file == nullptr || !to_mark(arguments, &mark)) return nullptr;
  const int fd = file->file.fd.number();
  const pmem::Status status = file->flushes->run([&] { return pmem::write_mark(fd, mark); });
  return failure_or_undefined(env, status);
}

napi_value names(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  if (file == nullptr) return nullptr;
  struct stat opened;
  if (fstat(file->file.fd.number(), &opened) != 0) return failed_outcome(env, {errno, "fstat"});
  struct stat named;
  const bool at_path = fstatat(file->file.directory.number(), file->file.name.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
                       named.st_ino == opened.st_ino && named.st_dev == opened.st_dev;
  return PlainObject(env)
      .number("linkCount", static_cast<double>(opened.st_nlink))
      .boolean("isAtPath", at_path)
      .value();
}

}  // namespace binding
