// What a system call did, on its way up: no exception crosses this library.
#pragma once

namespace pmem {

// error 0 is success; otherwise Linux's errno and the manual's name of the call that gave it (a string literal).
struct Status {
  int error = 0;
  const char* call = "";

  bool ok() const { return error == 0; }
};

}  // namespace pmem
