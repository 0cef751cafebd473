#include "streaming_copy.h"

#include <cstdint>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

#include "leaf_copy.h"

namespace pmem {

#if defined(__x86_64__)

// Whole lines only, four stores each: a write-combining buffer that is filled leaves as one burst, one that is not
// costs a read of the medium. Ordered by the caller's fence, like a flush.
bool copy_past_cache(void* destination, const void* source, size_t length) {
  constexpr uintptr_t kLine = 64;
  unsigned char* to = static_cast<unsigned char*>(destination);
  const unsigned char* from = static_cast<const unsigned char*>(source);
  const size_t until_line = static_cast<size_t>(-reinterpret_cast<uintptr_t>(to) & (kLine - 1));
  const size_t head = until_line < length ? until_line : length;
  leaf_copy(to, from, head);
  to += head;
  from += head;
  length -= head;
  for (; length >= kLine; to += kLine, from += kLine, length -= kLine) {
    __m128i* const line = reinterpret_cast<__m128i*>(to);
    const __m128i* const bytes = reinterpret_cast<const __m128i*>(from);
    const __m128i a = _mm_loadu_si128(bytes);
    const __m128i b = _mm_loadu_si128(bytes + 1);
    const __m128i c = _mm_loadu_si128(bytes + 2);
    const __m128i d = _mm_loadu_si128(bytes + 3);
    _mm_stream_si128(line, a);
    _mm_stream_si128(line + 1, b);
    _mm_stream_si128(line + 2, c);
    _mm_stream_si128(line + 3, d);
  }
  leaf_copy(to, from, length);
  return true;
}

#else

bool copy_past_cache(void*, const void*, size_t) { return false; }

#endif

}  // namespace pmem
