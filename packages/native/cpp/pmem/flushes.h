// The flushes of one open file, which know of each other's failures.
//
// Linux tells an open file once that a page could not be written: by whichever flush comes next, of whatever range
// (errseq_t, since Linux 4.13). Of two at once, one could succeed while the other is told of its pages. And a flush on
// the JavaScript thread could succeed while what a thread of the pool was told waits to be heard there.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <mutex>

#include "status.h"

namespace pmem {

class Flushes {
 public:
  // Runs `flush`, which returns a Status, beside whatever else is flushed. It succeeds if no flush that was under way
  // at the same time has failed. While a failure waits to be told it fails alike, and flushes nothing.
  //
  // `untold`, false before, is given by a caller on another thread than that of the file. True after: once the thread
  // of the file has heard of the failure, it has to call told().
  template <typename Flush>
  Status run(Flush flush, bool* untold = nullptr) {
    UnderWay self;
    const Status known = begin(&self);
    return known.ok() ? end(&self, flush(), untold) : known;
  }

  // On the thread that has heard of a failure by now. Waits for no flush.
  void told() {
    const std::lock_guard<std::mutex> facts(facts_);
    waiting_--;
  }

 private:
  // Lives as long as the flush, on its thread. The list is in the order in which they began.
  struct UnderWay {
    uint64_t number;
    uint64_t failures;
    UnderWay* before;
    UnderWay* after;
  };

  Status begin(UnderWay* self) {
    const std::lock_guard<std::mutex> facts(facts_);
    if (waiting_ > 0) return failure_;
    *self = {++begun_, failures_, newest_, nullptr};
    (newest_ == nullptr ? oldest_ : newest_->after) = self;
    newest_ = self;
    return {};
  }

  Status end(UnderWay* self, const Status& status, bool* untold) {
    std::unique_lock<std::mutex> facts(facts_);
    (self->before == nullptr ? oldest_ : self->before->after) = self->after;
    (self->after == nullptr ? newest_ : self->after->before) = self->before;
    ended_.notify_all();
    if (!status.ok()) {
      if (is_failed_flush(status)) note(status, untold);
      return status;
    }
    // The kernel may have told one of them of this flush's pages. Whatever begins from now on cannot be told of them.
    const uint64_t begun = begun_;
    ended_.wait(facts, [&] { return oldest_ == nullptr || oldest_->number > begun; });
    return failures_ == self->failures ? status : failure_;
  }

  void note(const Status& status, bool* untold) {
    failures_++;
    failure_ = status;
    if (untold == nullptr) return;
    *untold = true;
    waiting_++;
  }

  static bool is_failed_flush(const Status& status) {
    for (const char* const name : {"msync", "fdatasync", "fsync"}) {
      if (strcmp(status.call, name) == 0) return true;
    }
    return false;
  }

  // Held for the facts below alone, never while a flush runs.
  std::mutex facts_;
  std::condition_variable ended_;
  UnderWay* oldest_ = nullptr;
  UnderWay* newest_ = nullptr;
  uint64_t begun_ = 0;
  uint64_t failures_ = 0;
  Status failure_;
  // Failures that the thread of the file has not heard of.
  int waiting_ = 0;
};

}  // namespace pmem
