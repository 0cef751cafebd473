// Flushes of one open file, which take turns.
//
// Linux tells an open file once that a page could not be written: by whichever flush comes next, of whatever range
// (errseq_t, since Linux 4.13). Of two at once, one could succeed while the other is told of its pages. And a flush on
// the JavaScript thread could succeed while what a thread of the pool was told waits to be heard there.
#pragma once

#include <cstring>
#include <mutex>

#include "status.h"

namespace pmem {

class FlushTurns {
 public:
  // Whether the caller knows the outcome at once, or tells it later, by told().
  enum class Told { now, later };

  // Runs `flush`, which returns a Status, after the one before it has ended. While a failure waits to be told, it fails
  // alike instead.
  template <typename Flush>
  Status take(Told told, Flush flush) {
    const std::lock_guard<std::mutex> turn(turn_);
    Status status = untold();
    if (status.ok()) status = flush();
    if (told == Told::later && is_failed_flush(status)) {
      const std::lock_guard<std::mutex> facts(facts_);
      untold_ = status;
      waiting_++;
    }
    return status;
  }

  // To be called with each status that take() gave for Told::later, on the thread that hears of it. Waits for no flush.
  void told(const Status& status) {
    if (!is_failed_flush(status)) return;
    const std::lock_guard<std::mutex> facts(facts_);
    waiting_--;
  }

 private:
  static bool is_failed_flush(const Status& status) {
    if (status.ok()) return false;
    for (const char* const name : {"msync", "fdatasync", "fsync"}) {
      if (strcmp(status.call, name) == 0) return true;
    }
    return false;
  }

  Status untold() {
    const std::lock_guard<std::mutex> facts(facts_);
    return waiting_ > 0 ? untold_ : Status{};
  }

  std::mutex turn_;
  // Held for the two below alone.
  std::mutex facts_;
  Status untold_;
  int waiting_ = 0;
};

}  // namespace pmem
