// What a repair would cost if it were nothing but its system calls: raw-repair FILE COUNT STRIDE_BYTES [JOURNAL] rewrites a page
// each STRIDE_BYTES, by pwrite, with one fdatasync at the end. With JOURNAL the pages are stored there
// first, with another: what has to survive a crash in between. Prints nanoseconds as JSON.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

static char page[4096];

static bool store_journal(const char* path, long count) {
  const int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
  bool stored = fd >= 0;
  for (long i = 0; stored && i < count; i++) stored = write(fd, page, sizeof page) == static_cast<ssize_t>(sizeof page);
  return stored && fdatasync(fd) == 0 && close(fd) == 0;
}

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) return 2;
  const int fd = open(argv[1], O_RDWR);
  const long count = atol(argv[2]);
  const off_t stride = static_cast<off_t>(atol(argv[3]));
  memset(page, 5, sizeof page);
  const auto start = std::chrono::steady_clock::now();
  if (argc == 5 && !store_journal(argv[4], count)) return 1;
  for (long i = 0; i < count; i++) {
    if (pwrite(fd, page, sizeof page, i * stride) != static_cast<ssize_t>(sizeof page)) {
      perror("raw-repair");
      return 1;
    }
  }
  if (fdatasync(fd) != 0) return 1;
  const auto elapsed = std::chrono::steady_clock::now() - start;
  printf("{\"ns\":%lld}\n", static_cast<long long>(std::chrono::duration_cast<std::chrono::nanoseconds>(elapsed).count()));
}
