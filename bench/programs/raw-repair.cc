// What a repair would cost if it were nothing but its system calls: raw-repair HOW FILE COUNT STRIDE_BYTES [JOURNAL
// [BATCH]] rewrites a page each STRIDE_BYTES, by pwrite, with one fdatasync at the end. HOW is `write`, or `zero-range`
// for a fallocate of each page before its pwrite, which is what a kernel before 5.19 needs. With JOURNAL the pages are stored there
// first, with another: what has to survive a crash in between. With BATCH it makes the calls that no safe repair can
// leave out, so many pages at a time: a pread of what a page still holds, 32 bytes of it in a synced journal, a pread
// of whether it is still bad, the pwrite, an fdatasync. Prints nanoseconds as JSON.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/falloc.h>
#include <unistd.h>

static char page[4096];
static char held[4096];
static bool resets;

static bool store_journal(const char* path, long bytes) {
  const int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
  bool stored = fd >= 0;
  for (long at = 0; stored && at < bytes; at += static_cast<long>(sizeof page)) {
    const size_t length = static_cast<size_t>(std::min(bytes - at, static_cast<long>(sizeof page)));
    stored = write(fd, page, length) == static_cast<ssize_t>(length);
  }
  return stored && fdatasync(fd) == 0 && close(fd) == 0;
}

static bool read_pages(int fd, long first, long last, off_t stride) {
  for (long i = first; i < last; i++) {
    // Of a bad page the kernel copies nothing: one byte stands for its answer.
    if (pread(fd, held, 1, i * stride) != 1) return false;
  }
  return true;
}

static bool reset_page(int fd, off_t position) {
  return fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, position, sizeof page) == 0;
}

static bool write_pages(int fd, long first, long last, off_t stride) {
  for (long i = first; i < last; i++) {
    if (resets && !reset_page(fd, i * stride)) return false;
    if (pwrite(fd, page, sizeof page, i * stride) != static_cast<ssize_t>(sizeof page)) return false;
  }
  return fdatasync(fd) == 0;
}

int main(int argc, char** argv) {
  if (argc < 5 || argc > 7) return 2;
  resets = strcmp(argv[1], "zero-range") == 0;
  const int fd = open(argv[2], O_RDWR);
  const long count = atol(argv[3]);
  const off_t stride = static_cast<off_t>(atol(argv[4]));
  const char* const journal = argc > 5 ? argv[5] : nullptr;
  const long batch = argc > 6 ? atol(argv[6]) : 0;
  memset(page, 5, sizeof page);
  bool done = true;
  const auto start = std::chrono::steady_clock::now();
  if (batch == 0) {
    done = (journal == nullptr || store_journal(journal, count * static_cast<long>(sizeof page))) &&
           write_pages(fd, 0, count, stride);
  }
  for (long first = 0; batch > 0 && done && first < count; first += batch) {
    const long last = std::min(first + batch, count);
    done = read_pages(fd, first, last, stride) && store_journal(journal, 32 * (last - first)) &&
           read_pages(fd, first, last, stride) && write_pages(fd, first, last, stride);
  }
  if (!done) {
    perror("raw-repair");
    return 1;
  }
  const auto elapsed = std::chrono::steady_clock::now() - start;
  printf("{\"ns\":%lld}\n", static_cast<long long>(std::chrono::duration_cast<std::chrono::nanoseconds>(elapsed).count()));
}
