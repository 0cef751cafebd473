// The files that one JavaScript thread has open, by number, for the one function that serves all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace binding {

class FileHandle;

class OpenFiles {
 public:
  // Where JavaScript puts the arguments of that function: `call[0]` a position in bytes, `call[1]` the number of a file. A
  // store and a load cost less than an argument of Node-API. The memory of an ArrayBuffer that the addon keeps.
  const double* call = nullptr;

  uint32_t add(FileHandle* file) {
    for (size_t i = 0; i < files_.size(); i++) {
      if (files_[i] != nullptr) continue;
      files_[i] = file;
      return static_cast<uint32_t>(i);
    }
    files_.push_back(file);
    return static_cast<uint32_t>(files_.size() - 1);
  }

  void remove(uint32_t number) { files_[number] = nullptr; }

  // nullptr if no file has this number.
  FileHandle* at(double number) const {
    return number >= 0 && number < static_cast<double>(files_.size()) ? files_[static_cast<size_t>(number)] : nullptr;
  }

 private:
  std::vector<FileHandle*> files_;
};

}  // namespace binding
