#include "memory_notices.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

#include "mapping.h"

namespace pmem {
namespace {

struct Sink {
  NoticeSink call;
  void* context;
};

struct Listeners {
  std::mutex lock;
  std::vector<Sink> sinks;
};

// Never destroyed: the thread outlives the destructors of a process that ends.
Listeners& listeners() {
  static Listeners* const all = new Listeners;
  return *all;
}

// The thread's number; 0 until it listens.
std::atomic<int> listening_thread{0};
static_assert(std::atomic<int>::is_always_lock_free, "used in a signal handler");

// What pass_on_notice() sends fits into one pointer: the address without its last bits, and the granule in their place.
constexpr uintptr_t kGranuleBits = 63;

sigset_t only_sigbus() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGBUS);
  return set;
}

struct MappedFile {
  uintptr_t begin;
  uintptr_t end;
  uint64_t position;
  uint32_t device_major;
  uint32_t device_minor;
  uint64_t inode;
};

// The mapping that holds the address. The kernel's own list has all of them: views, and those of other libraries.
bool find_mapped_file(uintptr_t address, MappedFile* found) {
  FILE* const maps = fopen("/proc/self/maps", "re");
  if (maps == nullptr) return false;
  char* line = nullptr;
  size_t room = 0;
  bool is_found = false;
  while (!is_found && getline(&line, &room, maps) > 0) {
    unsigned long begin = 0;
    unsigned long end = 0;
    unsigned long long position = 0;
    unsigned long long inode = 0;
    unsigned int device_major = 0;
    unsigned int device_minor = 0;
    const int fields = sscanf(line, "%lx-%lx %*4s %llx %x:%x %llu", &begin, &end, &position, &device_major,
                              &device_minor, &inode);
    is_found = fields == 6 && inode != 0 && begin <= address && address < end;
    if (is_found) *found = {begin, end, position, device_major, device_minor, inode};
  }
  free(line);
  fclose(maps);
  return is_found;
}

void tell_sinks(uintptr_t address, int granule_log2) {
  MappedFile file;
  if (!find_mapped_file(address, &file)) return;
  const uintptr_t granule = std::max<uintptr_t>(uintptr_t{1} << granule_log2, page_bytes());
  const uintptr_t first = std::max(address & ~(granule - 1), file.begin);
  const uintptr_t last = std::min((address & ~(granule - 1)) + granule, file.end);
  const MemoryNotice notice = {file.device_major, file.device_minor, file.inode, file.position + (first - file.begin),
                               last - first};
  Listeners& all = listeners();
  const std::lock_guard<std::mutex> lock(all.lock);
  for (const Sink& sink : all.sinks) sink.call(sink.context, notice);
}

void take(const siginfo_t& info) {
  if (info.si_code == BUS_MCEERR_AO) {
    const int log2 = info.si_addr_lsb;
    tell_sinks(reinterpret_cast<uintptr_t>(info.si_addr), log2 > 0 && log2 < 48 ? log2 : 0);
  } else if (info.si_code == SI_QUEUE && info.si_pid == getpid()) {
    const uintptr_t packed = reinterpret_cast<uintptr_t>(info.si_value.sival_ptr);
    tell_sinks(packed & ~kGranuleBits, static_cast<int>(packed & kGranuleBits));
  } else {
    // It was sent to the process as a whole, and this thread woke up first: the main thread gets it.
    syscall(SYS_tgkill, getpid(), getpid(), SIGBUS);
  }
}

struct Start {
  pthread_cond_t done = PTHREAD_COND_INITIALIZER;
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  bool is_done = false;
  int error = 0;
};

void* listen(void* given) {
  Start* const start = static_cast<Start*>(given);
  const int error = prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0) == 0 ? 0 : errno;
  if (error == 0) listening_thread.store(static_cast<int>(syscall(SYS_gettid)), std::memory_order_release);
  pthread_mutex_lock(&start->mutex);
  start->error = error;
  start->is_done = true;
  pthread_cond_signal(&start->done);
  pthread_mutex_unlock(&start->mutex);
  // `start` is gone from here on.
  if (error != 0) return nullptr;
  const sigset_t set = only_sigbus();
  for (;;) {
    siginfo_t info;
    if (sigwaitinfo(&set, &info) == SIGBUS) take(info);
  }
}

// Starts the thread with every signal blocked, so that it handles none of those that the process gets.
Status start_thread() {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  constexpr size_t kStackBytes = size_t{256} * 1024;
  pthread_attr_setstacksize(&attributes, kStackBytes);
  Start start;
  pthread_t thread;
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = pthread_create(&thread, &attributes, listen, &start);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (error != 0) return {error, "pthread_create"};
  pthread_mutex_lock(&start.mutex);
  while (!start.is_done) pthread_cond_wait(&start.done, &start.mutex);
  pthread_mutex_unlock(&start.mutex);
  return start.error == 0 ? Status{} : Status{start.error, "prctl"};
}

}  // namespace

Status add_notice_sink(NoticeSink sink, void* context) {
  Listeners& all = listeners();
  const std::lock_guard<std::mutex> lock(all.lock);
  if (listening_thread.load(std::memory_order_relaxed) == 0) {
    if (access("/proc/self/maps", R_OK) != 0) return {errno, "access"};
    const Status status = start_thread();
    if (!status.ok()) return status;
  }
  all.sinks.push_back({sink, context});
  return {};
}

void remove_notice_sink(void* context) {
  Listeners& all = listeners();
  const std::lock_guard<std::mutex> lock(all.lock);
  const auto is_it = [context](const Sink& sink) { return sink.context == context; };
  all.sinks.erase(std::remove_if(all.sinks.begin(), all.sinks.end(), is_it), all.sinks.end());
}

void pass_on_notice(const FaultFacts& fault) {
  const int thread = listening_thread.load(std::memory_order_acquire);
  if (thread == 0) return;
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_signo = SIGBUS;
  // The kernel lets no thread send another one of its own codes.
  info.si_code = SI_QUEUE;
  info.si_pid = getpid();
  info.si_uid = getuid();
  const uintptr_t packed = (fault.address & ~kGranuleBits) | static_cast<uintptr_t>(fault.granule_log2);
  info.si_value.sival_ptr = reinterpret_cast<void*>(packed);
  syscall(SYS_rt_tgsigqueueinfo, getpid(), thread, SIGBUS, &info);
}

}  // namespace pmem
