// One open file as JavaScript holds it: the state behind the functions of a handle, and the order of its calls.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include <node_api.h>

#include "../pmem/durable_file.h"
#include "../pmem/flushes.h"
#include "../pmem/mapping.h"
#include "../pmem/open_file.h"
#include "../pmem/range_lock.h"
#include "open_files.h"

namespace binding {

class AsyncCall;

// Runs `persist`, which is given the mapping, beside the other flushes of the open file. Cache-line flushes cannot
// fail, and know of no others.
template <typename Persist>
pmem::PersistOutcome persist_beside(const pmem::Mapping& mapping, pmem::Flushes& flushes, Persist persist,
                                    bool* untold = nullptr) {
  if (mapping.persists_by_flush()) return persist(mapping);
  pmem::PersistOutcome outcome;
  outcome.status = flushes.run(
      [&] {
        outcome = persist(mapping);
        return outcome.status;
      },
      untold);
  return outcome;
}

// Lives on one JavaScript thread: whoever opened the file. Its functions and its calls in flight each hold a reference;
// when the last one goes (collected, or the thread's environment torn down) the file is unmapped and closed.
//
// Calls on pool threads see only what was copied into them: the descriptor number, which close() does not free before
// they have ended, and a shared_ptr to the mapping as it was when they began. So resize() can replace the mapping on
// the JavaScript thread, between two synchronous reads, while a persistAsync() still flushes through the old one: both
// map the same pages, and the old one is unmapped when its last user lets go.
class FileHandle {
 public:
  FileHandle(pmem::OpenedFile&& file, bool read_only, std::shared_ptr<OpenFiles> files);
  FileHandle(const FileHandle&) = delete;
  FileHandle& operator=(const FileHandle&) = delete;

  void retain() { references_++; }
  void release() {
    if (--references_ == 0) delete this;
  }

  // The hot path reads these four and nothing else.
  unsigned char* base = nullptr;
  uint64_t mapped_bytes = 0;
  bool writable;
  bool closed = false;

  // True if [position, position + length) is mapped; neither sum nor difference can wrap.
  bool holds(uint64_t position, uint64_t length) const {
    return length <= mapped_bytes && position <= mapped_bytes - length;
  }

  pmem::OpenedFile file;
  pmem::DurableFiles journal;
  pmem::RangeLock locks;
  // Of the open file, whatever maps it: also of a mapping that a resize has replaced. Calls on the pool keep a copy.
  const std::shared_ptr<pmem::Flushes> flushes = std::make_shared<pmem::Flushes>();

  // As long as it lives, the file is found by its number among the open files of its thread.
  uint32_t number() const { return number_; }

  const std::shared_ptr<pmem::Mapping>& mapping() const { return file.mapping; }

  // Persists on this thread: `persist` is given the mapping.
  template <typename Persist>
  pmem::PersistOutcome persist_now(Persist persist) {
    return persist_beside(*file.mapping, *flushes, persist);
  }

  void adopt(std::shared_ptr<pmem::Mapping> mapping);

  // Starts a call, or keeps it until its turn comes: a resize after the resize before it, close after everything.
  void admit(napi_env env, AsyncCall* call);
  void ended(napi_env env, AsyncCall* call);

 private:
  ~FileHandle() { files_->remove(number_); }

  const std::shared_ptr<OpenFiles> files_;
  const uint32_t number_;
  int references_ = 0;
  int in_flight_ = 0;
  bool resizing_ = false;
  std::deque<AsyncCall*> waiting_resizes_;
  AsyncCall* waiting_close_ = nullptr;
};

// The functions of a handle, bound to it: `{ read, write, … }`. nullptr if JavaScript cannot run.
napi_value create_handle(napi_env env, FileHandle* file);

}  // namespace binding
