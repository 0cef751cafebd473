// What a synchronous call needs to know or to do when a copy has faulted.
#include "../pmem/media.h"
#include "arguments.h"
#include "functions.h"

namespace binding {

napi_value probe(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  uint64_t position = 0;
  uint64_t length = 0;
  if (file == nullptr || !arguments.bytes(0, &position) || !arguments.bytes(1, &length)) return nullptr;
  // On DAX a pread consults the kernel's list, which is all that can be known; and a page that is mapped once stays readable
  // through the mapping when the kernel learns of a bad block, so the probe must map none.
  const bool ask_mapping =
      !file->file.dax && position % pmem::page_bytes() == 0 && length > 0 && file->holds(position, length);
  void* const mapped = ask_mapping ? file->base + position : nullptr;
  const pmem::BlockProbe probe = pmem::probe_block(file->file.fd.number(), position, length, mapped);
  if (!probe.status.ok()) return failed_outcome(env, probe.status);
  return PlainObject(env)
      .number("fileSizeBytes", static_cast<double>(probe.file_size))
      .number("readErrno", probe.read_error)
      .number("writeErrno", probe.write_error)
      .boolean("hole", probe.hole)
      .number("freeBytes", static_cast<double>(probe.free_bytes))
      .value();
}

napi_value remap(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  uint64_t position = 0;
  uint64_t length = 0;
  if (file == nullptr || !arguments.bytes(0, &position) || !arguments.bytes(1, &length)) return nullptr;
  // The last page of the mapping reaches beyond the file's last byte, so `length` may as well.
  const uint64_t page = pmem::page_bytes();
  const uint64_t mapped_pages = (file->mapped_bytes + page - 1) / page * page;
  if (position % page != 0 || length % page != 0 || length > mapped_pages || position > mapped_pages - length) {
    napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "remap takes whole pages of the mapping");
    return nullptr;
  }
  const pmem::Status status = file->mapping()->remap(file->file.fd.number(), position, length);
  file->mapped_bytes = file->mapping()->length();
  return failure_or_undefined(env, status);
}

napi_value mapped_bytes(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  napi_value number = nullptr;
  if (file == nullptr) return nullptr;
  return napi_create_double(env, static_cast<double>(file->mapped_bytes), &number) == napi_ok ? number : nullptr;
}

}  // namespace binding
