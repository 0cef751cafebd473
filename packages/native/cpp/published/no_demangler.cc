// A demangler that knows no name. The C++ library calls it for one message, about an exception that is not caught, just
// before it ends the process; its own demangler would be a third of the binary. That message has the mangled name now.
// Compiled into the published binaries alone, which link the library statically (release/build-binaries.mjs).
#include <cstddef>

extern "C" char* __cxa_demangle(const char*, char*, size_t*, int* status) {
  constexpr int kInvalidName = -2;
  if (status != nullptr) *status = kInvalidName;
  return nullptr;
}
