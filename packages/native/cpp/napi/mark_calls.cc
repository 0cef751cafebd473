// The mark of the file, which names its journal, and the names of the file.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <cstdint>
#include <string>

#include "../pmem/ask_statx.h"
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

namespace {

struct Named {
  uint64_t inode;
  uint64_t device;
  uint64_t links;
};

// Without the times: asking for them makes the next flush of the file dearer. False with errno.
bool ask_named(int directory, const char* name, int flags, Named* named) {
  struct statx facts = {};
  if (syscall(SYS_statx, directory, name, flags, STATX_INO | STATX_NLINK, &facts) == 0) {
    *named = {facts.stx_ino, static_cast<uint64_t>(makedev(facts.stx_dev_major, facts.stx_dev_minor)), facts.stx_nlink};
    return true;
  }
  if (errno != ENOSYS && errno != EPERM) return false;
  struct stat old = {};
  if (fstatat(directory, name, &old, flags) != 0) return false;
  *named = {old.st_ino, static_cast<uint64_t>(old.st_dev), old.st_nlink};
  return true;
}

}  // namespace

napi_value names(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  if (file == nullptr) return nullptr;
  Named opened;
  if (!ask_named(file->file.fd.number(), "", AT_EMPTY_PATH, &opened)) return failed_outcome(env, {errno, "fstat"});
  Named named;
  const bool at_path =
      ask_named(file->file.directory.number(), file->file.name.c_str(), AT_SYMLINK_NOFOLLOW, &named) &&
      named.inode == opened.inode && named.device == opened.device;
  return PlainObject(env)
      .number("linkCount", static_cast<double>(opened.links))
      .boolean("isAtPath", at_path)
      .value();
}

}  // namespace binding
