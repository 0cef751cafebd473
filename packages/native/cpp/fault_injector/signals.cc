#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "../pmem/sigbus_guard.h"
#include "fault_injector.h"

namespace injector {
namespace {

volatile sig_atomic_t calls = 0;
volatile int last_code = 0;
volatile uintptr_t last_address = 0;
struct sigaction below;

// Read in handlers: SAFE_PMEM_TLS, or the first signal of a thread would call malloc, perhaps in the midst of malloc.
__thread sigjmp_buf* volatile landing SAFE_PMEM_TLS = nullptr;

// Out of a fault of our own, or past a signal that was sent; there is no way to go on from any other fault.
void leave(bool synchronous) {
  if (landing != nullptr) siglongjmp(*landing, 1);
  if (synchronous) _exit(99);
}

void on_siginfo(int, siginfo_t* info, void*) {
  calls = calls + 1;
  last_code = info->si_code;
  last_address = reinterpret_cast<uintptr_t>(info->si_addr);
  leave(info->si_code > 0 && info->si_code != BUS_MCEERR_AO);
}

void on_plain(int) {
  calls = calls + 1;
  leave(false);
}

// What a crash reporter does: it takes note and calls whoever was there before. SIGBUS is blocked meanwhile.
void on_chain(int signal, siginfo_t* info, void* context) {
  calls = calls + 1;
  last_code = info->si_code;
  if ((below.sa_flags & SA_SIGINFO) != 0) {
    below.sa_sigaction(signal, info, context);
  } else if (below.sa_handler != SIG_DFL && below.sa_handler != SIG_IGN) {
    below.sa_handler(signal);
  }
}

volatile uintptr_t failed_address = 0;
volatile int failed_log2 = 12;

// What the kernel tells of a consumed memory error whose page is mapped more than once.
#if defined(__aarch64__)
// The kernel takes the page out of all mappings after its report, so that an access that is repeated meets a page
// fault, whose address is exact. Where code is not decoded (SVE, MOPS: V8 copies with the C library's memmove), that is
// what ends it.
bool is_repeated(const siginfo_t& info, const ucontext_t& context) {
  static __thread uintptr_t last_pc SAFE_PMEM_TLS = 0;
  static __thread const void* last_failed SAFE_PMEM_TLS = nullptr;
  const uintptr_t pc = context.uc_mcontext.pc;
  const bool same = pc == last_pc && info.si_addr == last_failed;
  last_pc = same ? 0 : pc;
  last_failed = info.si_addr;
  return same;
}
#else
// Stricter than the kernel: on x86-64 every access is decoded.
bool is_repeated(const siginfo_t&, const ucontext_t&) { return false; }
#endif

void on_relabel(int signal, siginfo_t* info, void* context) {
  calls = calls + 1;
  siginfo_t told = *info;
  told.si_code = BUS_MCEERR_AR;
  if (is_repeated(*info, *static_cast<const ucontext_t*>(context))) {
    told.si_addr_lsb = static_cast<short>(__builtin_ctzl(static_cast<unsigned long>(sysconf(_SC_PAGESIZE))));
  } else {
    told.si_addr = reinterpret_cast<void*>(failed_address);
    told.si_addr_lsb = static_cast<short>(failed_log2);
  }
  below.sa_sigaction(signal, &told, context);
}

}  // namespace

int install_action(Action action) {
  struct sigaction wanted;
  memset(&wanted, 0, sizeof wanted);
  sigemptyset(&wanted.sa_mask);
  switch (action) {
    case Action::siginfo:
      wanted.sa_sigaction = on_siginfo;
      wanted.sa_flags = SA_SIGINFO | SA_ONSTACK;
      break;
    case Action::plain:
      wanted.sa_handler = on_plain;
      wanted.sa_flags = SA_ONSTACK;
      break;
    case Action::chain:
      wanted.sa_sigaction = on_chain;
      wanted.sa_flags = SA_SIGINFO | SA_ONSTACK;
      break;
    case Action::relabel:
      wanted.sa_sigaction = on_relabel;
      wanted.sa_flags = SA_SIGINFO | SA_ONSTACK;
      break;
    case Action::ignore:
      wanted.sa_handler = SIG_IGN;
      break;
    case Action::fallback:
      wanted.sa_handler = SIG_DFL;
      break;
  }
  const bool chains = action == Action::chain || action == Action::relabel;
  return sigaction(SIGBUS, &wanted, chains ? &below : nullptr) == 0 ? 0 : errno;
}

ActionCalls action_calls() { return {static_cast<uint32_t>(calls), last_code, last_address}; }

bool fault_foreign_mapping() {
  const long page = sysconf(_SC_PAGESIZE);
  char name[] = "/tmp/foreign-XXXXXX";
  const int fd = mkstemp(name);
  if (fd < 0 || unlink(name) != 0 || ftruncate(fd, page) != 0) abort();
  volatile char* const mapped =
      static_cast<volatile char*>(mmap(nullptr, static_cast<size_t>(page), PROT_READ, MAP_SHARED, fd, 0));
  if (mapped == MAP_FAILED || ftruncate(fd, 0) != 0) abort();
  bool landed = false;
  sigjmp_buf behind_the_fault;
  // The mask is saved: an ordinary handler runs with SIGBUS blocked.
  if (sigsetjmp(behind_the_fault, 1) == 0) {
    landing = &behind_the_fault;
    static_cast<void>(*mapped);
  } else {
    landed = true;
  }
  landing = nullptr;
  munmap(const_cast<char*>(mapped), static_cast<size_t>(page));
  close(fd);
  return landed;
}

void name_memory_failure(uintptr_t address, int granule_log2) {
  failed_address = address;
  failed_log2 = granule_log2;
}

// The kernel lets a thread send itself what only the kernel may send to others.
static int send(int code, uintptr_t address, int granule_log2) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_signo = SIGBUS;
  info.si_code = code;
  info.si_addr = reinterpret_cast<void*>(address);
  info.si_addr_lsb = static_cast<short>(granule_log2);
  return syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGBUS, &info) == 0 ? 0 : errno;
}

int send_advisory(uintptr_t address) { return send(BUS_MCEERR_AO, address, 12); }
int send_memory_failure(uintptr_t address, int granule_log2) { return send(BUS_MCEERR_AR, address, granule_log2); }

}  // namespace injector
