// One owned file descriptor.
#pragma once

#include <cerrno>
#include <unistd.h>

#include "status.h"

namespace pmem {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int number) : number_(number) {}
  FileDescriptor(FileDescriptor&& other) noexcept : number_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
      close();
      number_ = other.release();
    }
    return *this;
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() { close(); }

  int number() const { return number_; }
  bool valid() const { return number_ >= 0; }

  int release() {
    const int number = number_;
    number_ = -1;
    return number;
  }

  // Never repeated after EINTR: Linux has freed the number by then, and another thread may own it already.
  Status close() {
    if (number_ < 0) return {};
    return ::close(release()) == 0 || errno == EINTR ? Status{} : Status{errno, "close"};
  }

 private:
  int number_ = -1;
};

}  // namespace pmem
