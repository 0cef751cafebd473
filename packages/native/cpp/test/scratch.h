// Files and child processes for the tests.
#pragma once

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace scratch {

// Kernels for arm64 have pages of 4, 16 or 64 KiB.
inline const uint64_t kPage = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));

// A directory that is gone, with everything in it, at the end of the test. Under build/, not /tmp, which may be a tmpfs;
// or on a tmpfs.
class Directory {
 public:
  explicit Directory(const std::string& under = "build") : path_(under + "/scratch-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) abort();
  }
  ~Directory() {
    const std::string command = "rm -rf '" + path_ + "'";
    if (system(command.c_str()) != 0) abort();
  }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline int create(const std::string& path, uint64_t size) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate(fd, static_cast<off_t>(size)) != 0) abort();
  return fd;
}

inline bool exists(const std::string& path) {
  struct stat facts;
  return lstat(path.c_str(), &facts) == 0;
}

// How long a child may take; an emulated processor takes longer (SAFE_PMEM_TEST_LIMIT_S).
inline unsigned limit_seconds() {
  const char* const asked = getenv("SAFE_PMEM_TEST_LIMIT_S");
  return asked == nullptr ? 20 : static_cast<unsigned>(atoi(asked));
}

// Runs `body` in a child and returns its wait status; the child exits with what `body` returns.
template <typename Body>
int in_child(Body body) {
  fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) abort();
  if (child == 0) {
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    // A guard that does not work loops on its fault for ever.
    alarm(limit_seconds());
    _exit(body());
  }
  // An emulator that hangs does not hear the alarm.
  int status = 0;
  pid_t ended = 0;
  for (unsigned waited_ms = 0; (ended = waitpid(child, &status, WNOHANG)) == 0; waited_ms++) {
    if (waited_ms == 1500 * limit_seconds()) kill(child, SIGKILL);
    usleep(1000);
  }
  if (ended != child) abort();
  return status;
}

// Both print how the child ended if it should have ended otherwise.
inline bool as_expected(int status, bool expected) {
  if (!expected && WIFEXITED(status)) fprintf(stderr, "  the child exited with %d\n", WEXITSTATUS(status));
  if (!expected && WIFSIGNALED(status)) fprintf(stderr, "  the child was killed by signal %d\n", WTERMSIG(status));
  return expected;
}
inline bool exited(int status, int code) {
  return as_expected(status, WIFEXITED(status) && WEXITSTATUS(status) == code);
}
inline bool killed_by(int status, int signal) {
  return as_expected(status, WIFSIGNALED(status) && WTERMSIG(status) == signal);
}

}  // namespace scratch
