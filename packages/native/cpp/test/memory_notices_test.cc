// What reaches a listener of BUS_MCEERR_AO, and whom the listening leaves alone. The signals are sent by this process
// to itself: a kernel's own are shown in the guests of e2e/real-pmem.
#include <cerrno>
#include <csignal>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>
#include <ctime>

#include "../pmem/memory_notices.h"
#include "../pmem/view_mapping.h"
#include "check.h"
#include "scratch.h"
#include "sigbus_scene.h"

using namespace scene;
using pmem::MemoryNotice;
using scratch::exited;
using scratch::in_child;
using scratch::killed_by;
using scratch::kPage;

namespace {

struct Heard {
  std::atomic<int> count{0};
  MemoryNotice last = {0, 0, 0, 0, 0};
};

void hear(void* context, const MemoryNotice& notice) {
  Heard* const heard = static_cast<Heard*>(context);
  heard->last = notice;
  heard->count.fetch_add(1);
}

void pause_ms(long milliseconds) {
  const struct timespec pause = {0, milliseconds * 1'000'000};
  nanosleep(&pause, nullptr);
}

// The alarm of the child ends a wait for what never comes.
void wait_for(const Heard& heard, int count) {
  while (heard.count.load() < count) pause_ms(1);
}

// A view of pages 2 to 5 of a file, in a process that listens.
struct Listening {
  int fd;
  std::shared_ptr<pmem::ViewMapping> view;
  Heard heard;

  // The file has no name any more: a process that is killed leaves none.
  Listening() : fd(scratch::create(scratch::Directory().file("f"), 8 * kPage)) {
    if (!pmem::ViewMapping::map(fd, 2 * kPage, 4 * kPage, false, &view).ok()) abort();
    if (pmem::install_sigbus_guard() != 0 || !pmem::add_notice_sink(hear, &heard).ok()) abort();
  }
  ~Listening() { close(fd); }

  bool is_about(uint64_t position, uint64_t length) const {
    struct stat file;
    if (fstat(fd, &file) != 0) abort();
    const MemoryNotice& notice = heard.last;
    return notice.device_major == major(file.st_dev) && notice.device_minor == minor(file.st_dev) &&
           notice.inode == file.st_ino && notice.position == position && notice.length == length;
  }
};

volatile sig_atomic_t handled = 0;
void count_signal(int) { handled = handled + 1; }

int send_about_huge_page(const void* about) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_signo = SIGBUS;
  info.si_code = BUS_MCEERR_AO;
  info.si_addr = const_cast<void*>(about);
  info.si_addr_lsb = 21;
  return static_cast<int>(syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGBUS, &info));
}

}  // namespace

TEST(notice_names_file, "a notice names the file and the page, wherever in the file the mapping begins") {
  CHECK(exited(in_child([] {
    Listening process;
    if (send_to_self(BUS_MCEERR_AO, process.view->base() + kPage + 77) != 0) return 1;
    wait_for(process.heard, 1);
    return process.is_about(3 * kPage, kPage) ? 0 : 2;
  }), 0));
}

TEST(notice_of_huge_page, "a notice that says 2 MiB is about no more than what is mapped of them") {
  CHECK(exited(in_child([] {
    Listening process;
    if (send_about_huge_page(process.view->base() + kPage) != 0) return 1;
    wait_for(process.heard, 1);
    const uint64_t first = process.heard.last.position;
    const uint64_t last = first + process.heard.last.length;
    // The view may lie across the edge of two such pages.
    return first >= 2 * kPage && first <= 3 * kPage && last >= 4 * kPage && last <= 6 * kPage ? 0 : 2;
  }), 0));
}

TEST(notice_ended, "a listener that has ended hears nothing, and the others do") {
  CHECK(exited(in_child([] {
    Listening process;
    Heard other;
    if (!pmem::add_notice_sink(hear, &other).ok()) return 1;
    pmem::remove_notice_sink(&process.heard);
    if (send_to_self(BUS_MCEERR_AO, process.view->base()) != 0) return 2;
    wait_for(other, 1);
    return process.heard.count.load() == 0 ? 0 : 3;
  }), 0));
}

TEST(notice_asked_by_one_thread, "neither the program's threads nor its children ask to be told early") {
  CHECK(exited(in_child([] {
    Listening process;
    if (prctl(PR_MCE_KILL_GET, 0, 0, 0, 0) != PR_MCE_KILL_DEFAULT) return 1;
    const auto asks = [] { return prctl(PR_MCE_KILL_GET, 0, 0, 0, 0) == PR_MCE_KILL_DEFAULT ? 0 : 2; };
    return exited(in_child(asks), 0) ? 0 : 3;
  }), 0));
}

TEST(notice_kill, "a SIGBUS that another process sends is the program's, as if there were no listener") {
  CHECK(killed_by(in_child([] {
    Listening process;
    kill(getpid(), SIGBUS);
    pause_ms(5000);
    return 1;
  }), SIGBUS));
  CHECK(exited(in_child([] {
    signal(SIGBUS, count_signal);
    Listening process;
    for (int i = 0; i < 200; i++) {
      const int before = handled;
      kill(getpid(), SIGBUS);
      while (handled == before) pause_ms(1);
    }
    return handled == 200 ? 0 : 2;
  }), 0));
}

TEST(notice_signals_blocked, "a SIGBUS for a program that blocks it waits until it does not") {
  CHECK(exited(in_child([] {
    signal(SIGBUS, count_signal);
    Listening process;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGBUS);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    kill(getpid(), SIGBUS);
    pause_ms(50);
    if (handled != 0) return 1;
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
    pause_ms(1);
    return handled == 1 ? 0 : 2;
  }), 0));
}
