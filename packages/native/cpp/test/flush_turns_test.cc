// What flushes of one open file know of each other.
#include <atomic>
#include <cerrno>
#include <thread>

#include "../pmem/flush_turns.h"
#include "check.h"

using pmem::FlushTurns;
using pmem::Status;
using Told = pmem::FlushTurns::Told;

namespace {

constexpr Status kDropped = {EIO, "msync"};

Status succeed() { return {}; }

}  // namespace

TEST(flush_turns_untold, "while the failure of a flush waits to be told, every other fails alike") {
  FlushTurns turns;
  const Status failed = turns.take(Told::later, [] { return kDropped; });
  bool flushed = false;
  const Status beside = turns.take(Told::now, [&] {
    flushed = true;
    return Status{};
  });
  CHECK(beside.error == EIO && !flushed);
  const Status later = turns.take(Told::later, succeed);
  CHECK(later.error == EIO);
  turns.told(failed);
  CHECK(turns.take(Told::now, succeed).error == EIO);
  turns.told(later);
  CHECK(turns.take(Told::now, succeed).ok());
}

TEST(flush_turns_told_at_once, "a failure that is told at once keeps no flush back") {
  FlushTurns turns;
  CHECK(turns.take(Told::now, [] { return kDropped; }).error == EIO);
  CHECK(turns.take(Told::now, succeed).ok());
}

TEST(flush_turns_other_calls, "a call that failed before the flush says nothing of the pages") {
  FlushTurns turns;
  const Status failed = turns.take(Told::later, [] { return Status{ENOSPC, "fsetxattr"}; });
  CHECK(turns.take(Told::now, succeed).ok());
  turns.told(failed);
  CHECK(turns.take(Told::later, [] { return kDropped; }).error == EIO);
  CHECK(turns.take(Told::now, succeed).error == EIO);
}

TEST(flush_turns_order, "a flush waits for the one before it, and hears of its failure") {
  FlushTurns turns;
  std::atomic<bool> begun{false};
  std::atomic<bool> may_end{false};
  std::thread before([&] {
    turns.take(Told::later, [&] {
      begun = true;
      while (!may_end) std::this_thread::yield();
      return kDropped;
    });
  });
  while (!begun) std::this_thread::yield();
  std::thread opener([&] { may_end = true; });
  CHECK(turns.take(Told::now, succeed).error == EIO);
  opener.join();
  before.join();
}
