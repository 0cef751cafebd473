#include "sigbus_guard.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <unistd.h>

#include "mapped_ranges.h"
#include "mapping.h"
#include "memory_notices.h"
#include "previous_actions.h"
#include "signal_context.h"
#include "substitution.h"

namespace pmem {

__thread GuardFrame* volatile active_frame SAFE_PMEM_TLS = nullptr;

namespace {

std::atomic<uint64_t> advisory_count{0};
// True since the first open.
std::atomic<bool> wanted{false};
static_assert(std::atomic<uint64_t>::is_always_lock_free, "used in a signal handler");

// A signal that was answered by doing nothing, and how often in a row it came back with not a register changed.
struct Unanswered {
  uint64_t digest;
  uintptr_t address;
  int times;
};
__thread Unanswered unanswered SAFE_PMEM_TLS = {0, 0, 0};
constexpr int kUnansweredMax = 8;

FaultFacts facts_of(const siginfo_t* info) {
  FaultFacts facts{reinterpret_cast<uintptr_t>(info->si_addr), info->si_code, 0};
  if (info->si_code == BUS_MCEERR_AR || info->si_code == BUS_MCEERR_AO) {
    const int log2 = info->si_addr_lsb;
    facts.granule_log2 = log2 > 0 && log2 < 48 ? log2 : 0;
  }
  return facts;
}

// QEMU's user-mode emulation of Arm loads the aligned 16 bytes around an operand, and names the first of them.
constexpr int kAlignedAccessLog2 = 4;

// The kernel may name the start of the granule (2 MiB for a huge page) rather than the byte: compare granules.
bool names(const FaultFacts& fault, uintptr_t begin, uintptr_t end) {
  const uintptr_t granule = uintptr_t{1} << std::max(fault.granule_log2, kAlignedAccessLog2);
  const uintptr_t first = fault.address & ~(granule - 1);
  return first < end && begin <= first + (granule - 1);
}

// Runs on the interrupted stack, below what the copy left there, once the kernel has restored everything that it saved
// for the handler. Not instrumented: it was not called.
__attribute__((noinline, noreturn, no_sanitize("address", "thread"))) void jump_to_landing(void* frame) {
  siglongjmp(static_cast<GuardFrame*>(frame)->landing, 1);
}

// sigsetjmp(…, 0) saves no mask, because that costs a system call in every copy. The kernel's sigset is _NSIG / 8
// bytes; glibc's type is longer, and what follows it in a signal frame is not ours.
void restore_mask_of(const void* context) {
  sigset_t mask;
  sigemptyset(&mask);
  __builtin_memcpy(&mask, &static_cast<const ucontext_t*>(context)->uc_sigmask, _NSIG / 8);
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
}

// A fault that was named beside the guarded bytes, by less than an aligned access, is a fault at the nearest of them.
FaultFacts inside(const FaultFacts& fault, uintptr_t begin, uintptr_t end) {
  constexpr uintptr_t kAligned = uintptr_t{1} << kAlignedAccessLog2;
  FaultFacts found = fault;
  if (found.address < begin && begin - found.address < kAligned) found.address = begin;
  if (found.address >= end && found.address - end < kAligned) found.address = end - 1;
  return found;
}

// Ends the guarded access. The handler returns, and the thread goes on at the landing rather than in the copy: what
// only sigreturn restores (the mask, protection keys, an SS_AUTODISARM stack) is restored.
void land(GuardFrame* frame, const FaultFacts& fault, const SignalContext& interrupted, void* context) {
  frame->fault = inside(fault, frame->begin, frame->end);
  active_frame = nullptr;
  if (interrupted.present() && interrupted.redirect(jump_to_landing, frame)) return;
  if (interrupted.present()) restore_mask_of(context);
  siglongjmp(frame->landing, 1);
}

bool substitute(const FaultFacts& fault, const FoundRange& range) {
  return range.log != nullptr && range.log->substitute(fault, range.begin, range.end);
}

// Counts how often in a row this thread got the same signal with no register changed: it makes no progress.
int times_unchanged(const FaultFacts& fault, const SignalContext& interrupted) {
  const uint64_t digest = interrupted.present() ? interrupted.registers_digest() : 0;
  if (unanswered.digest != digest || unanswered.address != fault.address) unanswered = {digest, fault.address, 0};
  return unanswered.times++;
}

// Whether the signal is about memory that the interrupted instruction uses and that is not ours: what it loads from or
// stores to, its own code, or its stack. A huge page lies in one mapping: if its address is ours, all of it is, and
// memory within 2 MiB of a small mapping of ours is not what failed.
bool is_about_other_memory(const FaultFacts& fault, const SignalContext& interrupted, const MemoryOperands& operands) {
  if (find_mapped_range(fault.address).end != 0) return false;
  const auto is_other = [&](uintptr_t first, uintptr_t bytes) {
    return names(fault, first, first + bytes) && find_mapped_range(first).end == 0;
  };
  for (int i = 0; i < operands.count; i++) {
    if (is_other(operands.address[i], kOperandBytesMax)) return true;
  }
  const uintptr_t page = page_bytes();
  return is_other(interrupted.program_counter(), 1) || is_other(interrupted.stack_pointer() & ~(page - 1), page);
}

bool lies_in(const FaultFacts& fault, uintptr_t operand) {
  return fault.address >= operand && fault.address < operand + kOperandBytesMax;
}

// The access touches one page, or two if it crosses an edge. If the signal's own address names one of them, that is the
// one.
FaultFacts located(const FaultFacts& fault, uintptr_t operand, uintptr_t begin) {
  FaultFacts found = fault;
  found.address = std::max(begin, lies_in(fault, operand) ? fault.address : operand);
  return found;
}

// Within a guard the fault names both pages, if the signal names neither: its caller then asks each.
FaultFacts located_in(const GuardFrame* frame, const FaultFacts& fault, uintptr_t operand) {
  FaultFacts found = located(fault, operand, frame->begin);
  if (lies_in(fault, operand)) return found;
  const uintptr_t last = std::min(operand + kOperandBytesMax, frame->end) - 1;
  if ((found.address ^ last) < page_bytes()) return found;
  while (((found.address ^ last) >> found.granule_log2) != 0) found.granule_log2++;
  return found;
}

// The page of an operand in memory that no guard covers. It is replaced already if the access crosses into the next
// page, and failed there.
bool substitute_operand(const FaultFacts& fault, uintptr_t operand, const FoundRange& range) {
  FaultFacts found = located(fault, operand, range.begin);
  const uintptr_t page = page_bytes();
  const uintptr_t next = (found.address & ~(page - 1)) + page;
  const bool crosses = next < operand + kOperandBytesMax && next < range.end;
  if (crosses && range.log != nullptr && range.log->holds(next - page)) found.address = next;
  return substitute(found, range);
}

// The byte that was accessed is not known, so the fault names the whole range: a single page would be a guess.
FaultFacts somewhere_in(const GuardFrame* frame, const FaultFacts& fault) {
  FaultFacts found = fault;
  found.address = frame->begin;
  const uintptr_t page = page_bytes();
  const uintptr_t length = std::max(frame->end - frame->begin, page);
  while ((uintptr_t{1} << found.granule_log2) <= length && found.granule_log2 < 47) found.granule_log2++;
  return found;
}

bool overlaps(uintptr_t operand, uintptr_t begin, uintptr_t end) {
  return operand < end && begin < operand + kOperandBytesMax;
}

// Ends the armed access if the signal or the interrupted instruction says that it is what failed.
bool claim(GuardFrame* frame, const FaultFacts& fault, const SignalContext& interrupted, const MemoryOperands& operands,
           void* context) {
  const bool named = names(fault, frame->begin, frame->end);
  const bool exact = named && (uintptr_t{1} << fault.granule_log2) <= page_bytes();
  for (int i = 0; i < operands.count && !exact; i++) {
    if (!overlaps(operands.address[i], frame->begin, frame->end)) continue;
    if (!named && is_about_other_memory(fault, interrupted, operands)) return false;
    land(frame, located_in(frame, fault, operands.address[i]), interrupted, context);
    return true;
  }
  // A huge page can hold more mappings than this: an access that is known to be to another one is not claimed for it.
  const bool claimed = named && (exact || operands.count == 0);
  if (claimed) land(frame, fault, interrupted, context);
  return claimed;
}

// A string move, which musl's memcpy is made of, failed at one of its two operands: at the one that the CPU itself has
// reported, if that was a page fault; else, since a machine check comes from a load, at the one that it loads.
MemoryOperands failed_operands(const SignalContext& interrupted) {
  MemoryOperands operands = interrupted.operands();
  if (!operands.moves) return operands;
  const uintptr_t reported = interrupted.page_fault_address();
  const bool stored = reported >= operands.address[1] && reported - operands.address[1] < kOperandBytesMax;
  const bool loaded = reported >= operands.address[0] && reported - operands.address[0] < kOperandBytesMax;
  if (stored && !loaded) operands.address[0] = operands.address[1];
  operands.count = 1;
  return operands;
}

// BUS_MCEERR_AR. The address is that of *a* mapping of the page: if a machine check was consumed, the kernel walks
// the mappings of the page, and one signal is pending at a time. So what the interrupted instruction accesses decides.
bool answer_memory_failure(const FaultFacts& fault, const SignalContext& interrupted, void* context) {
  GuardFrame* const frame = active_frame;
  const MemoryOperands operands = interrupted.present() ? failed_operands(interrupted) : MemoryOperands{};
  if (frame != nullptr && claim(frame, fault, interrupted, operands, context)) return true;
  if (interrupted.present() && is_about_other_memory(fault, interrupted, operands)) return false;
  for (int i = 0; i < operands.count; i++) {
    const FoundRange accessed = find_mapped_range(operands.address[i]);
    if (accessed.end != 0) return substitute_operand(fault, operands.address[i], accessed);
  }
  const FoundRange named = find_mapped_range(fault.address);
  if (named.end == 0) return false;
  if (frame != nullptr) {
    land(frame, somewhere_in(frame, fault), interrupted, context);
    return true;
  }
  // As far as is known nothing of ours was accessed, so nothing is done: an access faults again, at its own address. If
  // the signal comes back with no register changed, from a page fault at that very address, it was an access. Any other
  // signal is answered a few times only, so that it does not come back for ever.
  advisory_count.fetch_add(1, std::memory_order_relaxed);
  pass_on_notice(fault);
  const int times = times_unchanged(fault, interrupted);
  const bool page_fault = interrupted.present() && interrupted.page_fault_address() == fault.address;
  if (page_fault && (!operands.known || times > 0)) return substitute(fault, named);
  return times < kUnansweredMax;
}

// Advisory: the memory is lost, but no thread has touched it. The access that does will fault, and is answered. The
// previous action must not see it: by default it would kill a process that has not been harmed.
bool answer_advisory(const FaultFacts& fault) {
  if (find_mapped_range(fault.address).end == 0) return false;
  advisory_count.fetch_add(1, std::memory_order_relaxed);
  pass_on_notice(fault);
  return true;
}

// False if the signal is not ours.
bool answer(const FaultFacts& fault, const SignalContext& interrupted, void* context) {
  if (fault.signal_code == BUS_MCEERR_AO) return answer_advisory(fault);
  if (!is_synchronous(fault.signal_code)) return false;
  if (fault.signal_code == BUS_MCEERR_AR) return answer_memory_failure(fault, interrupted, context);
  GuardFrame* const frame = active_frame;
  if (frame != nullptr && names(fault, frame->begin, frame->end)) {
    land(frame, fault, interrupted, context);
    return true;
  }
  // A page fault: the address is that of the access. A guard that did not claim it changes nothing.
  return substitute(fault, find_mapped_range(fault.address));
}

void on_sigbus(int, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  if (!answer(facts_of(info), SignalContext(context), context)) hand_to_previous_action(info, context);
  errno = saved_errno;
}

}  // namespace

int install_sigbus_guard() {
  // The handler asks too, and must not be the first: that one computes it under a lock.
  static_cast<void>(page_bytes());
  wanted.store(true, std::memory_order_relaxed);
  return put_on_top(on_sigbus);
}

void keep_sigbus_guard() {
  if (wanted.load(std::memory_order_relaxed)) static_cast<void>(put_on_top(on_sigbus));
}

void unblock_sigbus_on_this_thread() {
  sigset_t only_sigbus;
  sigemptyset(&only_sigbus);
  sigaddset(&only_sigbus, SIGBUS);
  pthread_sigmask(SIG_UNBLOCK, &only_sigbus, nullptr);
}

uint64_t advisory_memory_errors() { return advisory_count.load(std::memory_order_relaxed); }

}  // namespace pmem
