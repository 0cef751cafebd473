// From which length on is a store past the caches cheaper than a store and a flush of its lines? Both as the library does them,
// on ordinary memory, each followed by a fence: streaming LENGTH WORKING_SET_BYTES prints nanoseconds of one store as JSON.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "persist.h"
#include "streaming_copy.h"

namespace {

constexpr size_t kBatch = 2000;
constexpr int kRounds = 31;

template <typename Store>
double round_ns(unsigned char* memory, size_t slots, size_t stride, size_t* slot, Store store) {
  const auto start = std::chrono::steady_clock::now();
  for (size_t i = 0; i < kBatch; i++) {
    *slot = (*slot + 7919) % slots;
    store(memory + *slot * stride);
  }
  return static_cast<double>(std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - start).count()) / kBatch;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const size_t length = strtoul(argv[1], nullptr, 10);
  const size_t bytes = strtoul(argv[2], nullptr, 10);
  const size_t stride = (length + 63) & ~size_t{63};
  const size_t slots = std::max<size_t>(1, bytes / stride);
  unsigned char* const memory = static_cast<unsigned char*>(aligned_alloc(4096, (slots * stride + 4095) & ~size_t{4095}));
  memset(memory, 1, slots * stride);
  std::vector<unsigned char> source(length, 3);
  const pmem::CacheFlush& flush = pmem::best_cache_flush();
  const auto flushed = [&](unsigned char* to) {
    memcpy(to, source.data(), length);
    flush.flush_lines(reinterpret_cast<uintptr_t>(to), reinterpret_cast<uintptr_t>(to) + length);
    flush.fence();
  };
  const auto streamed = [&](unsigned char* to) {
    const uintptr_t begin = reinterpret_cast<uintptr_t>(to);
    pmem::copy_past_cache(to, source.data(), length);
    flush.flush_lines(begin, begin + 1);
    flush.flush_lines(begin + length - 1, begin + length);
    flush.fence();
  };
  std::vector<double> flush_ns;
  std::vector<double> stream_ns;
  size_t slot = 0;
  for (int round = -2; round < kRounds; round++) {
    const double a = round_ns(memory, slots, stride, &slot, flushed);
    const double b = round_ns(memory, slots, stride, &slot, streamed);
    if (round < 0) continue;
    flush_ns.push_back(a);
    stream_ns.push_back(b);
  }
  std::sort(flush_ns.begin(), flush_ns.end());
  std::sort(stream_ns.begin(), stream_ns.end());
  printf("{\"instruction\":\"%s\",\"flushed\":[%f,%f],\"streamed\":[%f,%f]}\n", flush.name, flush_ns[kRounds / 2], flush_ns[0],
         stream_ns[kRounds / 2], stream_ns[0]);
}
