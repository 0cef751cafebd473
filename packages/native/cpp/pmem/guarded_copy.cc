#include "guarded_copy.h"

#include "leaf_copy.h"
#include "streaming_copy.h"

namespace pmem {
namespace {

// No cache line crosses a multiple of this, and no page is smaller: larger pages need no other number.
constexpr uintptr_t kLines = 4096;

}  // namespace

// Between arm() and disarm() there is nothing but a leaf: a fault ends in siglongjmp, which runs no destructor and
// releases no lock. No local is changed after sigsetjmp and read after a landing except through `frame`, whose address
// has escaped, so nothing depends on values that a jump may lose.

bool guarded_copy(void* destination, const void* source, size_t length, const void* mapped, FaultFacts* fault) {
  GuardFrame frame;
  frame.begin = reinterpret_cast<uintptr_t>(mapped);
  frame.end = frame.begin + length;
  if (sigsetjmp(frame.landing, 0) != 0) {
    *fault = frame.fault;
    return false;
  }
  arm(&frame);
  leaf_copy(destination, source, length);
  disarm();
  return true;
}

// A flush faults at the start of its cache line, which may lie before the range.
bool guarded_flush(FlushLines flush_lines, const void* mapped, size_t length, FaultFacts* fault) {
  const uintptr_t begin = reinterpret_cast<uintptr_t>(mapped);
  const uintptr_t end = begin + length;
  GuardFrame frame;
  frame.begin = begin & ~(kLines - 1);
  frame.end = (end + kLines - 1) & ~(kLines - 1);
  if (sigsetjmp(frame.landing, 0) != 0) {
    *fault = frame.fault;
    return false;
  }
  arm(&frame);
  flush_lines(begin, end);
  disarm();
  return true;
}

namespace {

void durable_copy(FlushLines flush_lines, void* mapped, const void* source, size_t length) {
  const uintptr_t begin = reinterpret_cast<uintptr_t>(mapped);
  const uintptr_t end = begin + length;
  if (length >= kStreamingBytes && copy_past_cache(mapped, source, length)) {
    // What is left in the cache: the lines at both ends, if the range covers only a part of them.
    flush_lines(begin, begin + 1);
    flush_lines(end - 1, end);
  } else {
    leaf_copy(mapped, source, length);
    flush_lines(begin, end);
  }
}

}  // namespace

bool guarded_durable_copy(FlushLines flush_lines, void* mapped, const void* source, size_t length, FaultFacts* fault) {
  const uintptr_t begin = reinterpret_cast<uintptr_t>(mapped);
  GuardFrame frame;
  frame.begin = begin & ~(kLines - 1);
  frame.end = (begin + length + kLines - 1) & ~(kLines - 1);
  if (sigsetjmp(frame.landing, 0) != 0) {
    *fault = frame.fault;
    return false;
  }
  arm(&frame);
  durable_copy(flush_lines, mapped, source, length);
  disarm();
  return true;
}

}  // namespace pmem
