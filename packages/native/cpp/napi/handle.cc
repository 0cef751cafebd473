// The object that JavaScript gets for an open file: one function per verb.
#include "file_handle.h"
#include "functions.h"

namespace binding {
namespace {

struct Verb {
  const char* name;
  napi_callback function;
};

constexpr Verb kVerbs[] = {
    {"read", read},
    {"write", write},
    {"persist", persist},
    {"persistRanges", persist_ranges},
    {"writeAndPersist", write_and_persist},
    {"window", window},
    {"faultCounter", fault_counter},
    {"takeFault", take_fault},
    {"view", view},
    {"detach", detach},
    {"probe", probe},
    {"remap", remap},
    {"mappedBytes", mapped_bytes},
    {"lock", lock},
    {"unlock", unlock},
    {"pread", pread},
    {"pwrite", pwrite},
    {"scrub", scrub},
    {"rewrite", rewrite},
    {"persistAsync", persist_async},
    {"sync", sync},
    {"zeroRange", zero_range},
    {"tryZeroRange", try_zero_range},
    {"truncate", truncate},
    {"fileSize", file_size},
    {"fileSizeSync", file_size_sync},
    {"extents", extents},
    {"readJournal", read_journal},
    {"writeJournal", write_journal},
    {"removeJournal", remove_journal},
    {"readJournalSync", read_journal_sync},
    {"writeJournalSync", write_journal_sync},
    {"removeJournalSync", remove_journal_sync},
    {"readMark", read_mark},
    {"writeMark", write_mark},
    {"writeMarkSync", write_mark_sync},
    {"names", names},
    {"readEach", read_each},
    {"avoidHugePages", avoid_huge_pages},
    {"resize", resize},
    {"close", close},
};

void release_file(napi_env, void* data, void*) { static_cast<FileHandle*>(data)->release(); }

}  // namespace

// Each function holds the file by itself: JavaScript may keep `handle.read` and drop the handle.
napi_value create_handle(napi_env env, FileHandle* file) {
  napi_value handle = nullptr;
  if (napi_create_object(env, &handle) != napi_ok) return nullptr;
  for (const Verb& verb : kVerbs) {
    napi_value function = nullptr;
    if (napi_create_function(env, verb.name, NAPI_AUTO_LENGTH, verb.function, file, &function) != napi_ok) {
      return nullptr;
    }
    file->retain();
    if (napi_add_finalizer(env, function, file, release_file, nullptr, nullptr) != napi_ok) {
      file->release();
      return nullptr;
    }
    if (napi_set_named_property(env, handle, verb.name, function) != napi_ok) return nullptr;
  }
  return handle;
}

}  // namespace binding
