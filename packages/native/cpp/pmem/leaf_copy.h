// The copy inside the guard.
#pragma once

#include <cstddef>
#include <cstring>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SAFE_PMEM_THREAD_SANITIZER
#endif
#elif defined(__SANITIZE_THREAD__)
#define SAFE_PMEM_THREAD_SANITIZER
#endif

namespace pmem {

#if defined(SAFE_PMEM_THREAD_SANITIZER)
// Its memcpy is no leaf: it counts what the thread is to ignore until it returns, and a copy that ends at a landing
// never does. The thread's later races would go unseen, and its end is reported ("finished with ignores enabled").
// `volatile`, or the compiler makes memcpy of the loop.
inline void leaf_copy(void* to, const void* from, size_t length) {
  volatile unsigned char* const target = static_cast<unsigned char*>(to);
  const volatile unsigned char* const source = static_cast<const unsigned char*>(from);
  for (size_t i = 0; i < length; i++) target[i] = source[i];
}
#elif defined(__aarch64__)
// leaf_copy_arm64.cc.
void leaf_copy(void* to, const void* from, size_t length);
#else
inline void leaf_copy(void* to, const void* from, size_t length) { memcpy(to, from, length); }
#endif

}  // namespace pmem
