// What flushes of one open file know of each other.
#include <atomic>
#include <cerrno>
#include <thread>

#include "../pmem/flushes.h"
#include "check.h"

using pmem::Flushes;
using pmem::Status;

namespace {

constexpr Status kDropped = {EIO, "msync"};

Status succeed() { return {}; }
Status drop() { return kDropped; }

void wait_for(const std::atomic<bool>& flag) {
  while (!flag) std::this_thread::yield();
}

// A flush on another thread, which is under way until end().
class Beside {
 public:
  Beside(Flushes* flushes, Status outcome)
      : thread_([this, flushes, outcome] {
          status_ = flushes->run(
              [&] {
                begun_ = true;
                wait_for(may_end_);
                return outcome;
              },
              &untold_);
        }) {
    wait_for(begun_);
  }

  void let_end() { may_end_ = true; }
  void end() {
    let_end();
    thread_.join();
  }
  const Status& status() const { return status_; }
  bool untold() const { return untold_; }

 private:
  std::atomic<bool> begun_{false};
  std::atomic<bool> may_end_{false};
  bool untold_ = false;
  Status status_;
  std::thread thread_;
};

}  // namespace

TEST(flushes_untold, "while the failure of a flush waits to be told, every other fails alike and flushes nothing") {
  Flushes flushes;
  bool untold = false;
  CHECK(flushes.run(drop, &untold).error == EIO && untold);
  bool flushed = false;
  const Status beside = flushes.run([&] {
    flushed = true;
    return Status{};
  });
  CHECK(beside.error == EIO && !flushed);
  flushes.told();
  CHECK(flushes.run(succeed).ok());
}

TEST(flushes_derived, "what fails alike does not wait to be told itself") {
  Flushes flushes;
  bool untold = false;
  CHECK(!flushes.run(drop, &untold).ok());
  bool also_untold = false;
  CHECK(!flushes.run(succeed, &also_untold).ok() && !also_untold);
  flushes.told();
  CHECK(flushes.run(succeed, &also_untold).ok() && !also_untold);
}

TEST(flushes_told_at_once, "a failure that is told at once keeps no flush back") {
  Flushes flushes;
  CHECK(flushes.run(drop).error == EIO);
  CHECK(flushes.run(succeed).ok());
}

TEST(flushes_other_calls, "a call that failed before the flush says nothing of the pages") {
  Flushes flushes;
  bool untold = false;
  CHECK(flushes.run([] { return Status{ENOSPC, "fsetxattr"}; }, &untold).error == ENOSPC && !untold);
  CHECK(flushes.run(succeed).ok());
}

TEST(flushes_before, "a flush waits for one that began before it, and hears of its failure") {
  Flushes flushes;
  Beside before(&flushes, kDropped);
  const Status status = flushes.run([&] {
    before.let_end();
    return Status{};
  });
  CHECK(status.error == EIO);
  before.end();
  CHECK(before.untold());
}

TEST(flushes_after, "a flush waits for one that began after it and before its end, and hears of its failure") {
  Flushes flushes;
  Beside first(&flushes, {});
  Beside second(&flushes, kDropped);
  first.let_end();
  second.end();
  first.end();
  CHECK(first.status().error == EIO && !first.untold());
}

TEST(flushes_at_once, "flushes run beside each other, and succeed if all do") {
  Flushes flushes;
  Beside first(&flushes, {});
  Beside second(&flushes, {});
  second.let_end();
  first.end();
  second.end();
  CHECK(first.status().ok() && second.status().ok());
}
