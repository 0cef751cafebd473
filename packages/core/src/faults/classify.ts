/**
 * Says what a caught SIGBUS means. The signal alone cannot tell: up to Linux 6.1 poison raises the same BUS_ADRERR as a
 * load past the end of the file or a store that finds no space. So the file is asked, by calls that load and store
 * nothing, and a media error is only what the kernel itself calls one:
 *
 * | the signal, or the answer of the file                    | verdict                                        |
 * |----------------------------------------------------------|------------------------------------------------|
 * | BUS_MCEERR_AR, BUS_MCEERR_AO                             | `media`; nothing is asked                      |
 * | the page lies past the mapping, or past the file's end   | `truncated`                                    |
 * | fstat fails, or a pread of no bytes (a shutdown)         | `io`, with that call: no EIO is believed       |
 * | pread of the page: EIO, EFAULT, EHWPOISON                | `media` (on DAX it consults the kernel's list) |
 * | the same on a remote filesystem: EHWPOISON               | `media`; EIO may be a server that is away      |
 * | the kernel refuses to map the page: EHWPOISON            | `media` (the probe reports it as `readErrno`)  |
 * | otherwise the access is repeated: it works               | none: the fault has passed                     |
 * | a store faults again; a pwrite of no bytes fails         | `io`, with that call (EROFS: remounted)        |
 * | a store faults again; the old bytes read well            | `no-space`, whatever statfs says               |
 * | a store faults again; pread or pwrite: ENOSPC, EDQUOT    | `no-space`                                     |
 * | a load of a hole faults again                            | `no-space`: loads allocate too (tmpfs)         |
 * | a load faults again; pread fails with any other errno    | `io`, with that call                           |
 * | a load faults again; the page reads well                 | `io`, unexplained, with the facts              |
 *
 * statfs shows no quota, no project quota, no reserved blocks, and nothing of what copy-on-write needs; so free space is
 * told in the message and decides nothing.
 */
import type { CompleteFile, CaughtFault, FileFacts, Probe, SystemFailure } from '../driver/driver.js';
import { Errno } from '../errors/errno.js';

export type FaultKind = 'media' | 'truncated' | 'no-space' | 'io';

export interface Classification {
  readonly kind: FaultKind;
  /** Size of the file when it was asked; undefined if the signal answered by itself. */
  readonly fileSizeBytes: number | undefined;
  /** Of `io`: the call that failed, if one did. */
  readonly failure?: SystemFailure;
  /** Of `io` and `no-space`: what else is known, for the message. */
  readonly facts?: string;
}

/** Memory failure, consumed by this access (4) or found by a background check (5): sigaction(2). */
const BUS_MCEERR_AR = 4;
const BUS_MCEERR_AO = 5;

/**
 * Repetitions of an access whose page reads well. Once tells a lasting refusal from a passing one; the others are
 * for a file that another process truncates and writes again and again.
 */
const REPEATS_MAX = 16;
const PAUSE_MS = 0.005;

/**
 * True for the errnos by which a kernel says, on a read, that the medium cannot give the bytes. On a remote filesystem
 * EHWPOISON alone does: it concerns memory of this machine. NFS mounted `soft`, 9p and sshfs say EIO of a server
 * that does not answer, and the bytes are there as soon as it does.
 */
export function isMediaErrno(errno: number, { remote = false }: Pick<FileFacts, 'remote'>): boolean {
  return errno === Errno.EHWPOISON || (!remote && (errno === Errno.EIO || errno === Errno.EFAULT));
}

/**
 * Decides what `fault` was. `repeat` does the access again, for the part of it that lies in the page that faulted;
 * leave it out if that cannot be done. Returns undefined if the repeated access worked.
 */
export function classifyFault(
  file: CompleteFile,
  operation: 'read' | 'write',
  fault: CaughtFault,
  repeat?: () => CaughtFault | undefined,
): Classification | undefined {
  const { pageBytes } = file.facts;
  const pageStart = Math.floor(fault.position / pageBytes) * pageBytes;
  let last: CaughtFault = fault;
  for (let repeats = 0; ; repeats++) {
    // Real memory failure: asking with pread would consume the poison a second time.
    if (last.signalCode === BUS_MCEERR_AR || last.signalCode === BUS_MCEERR_AO) {
      return { kind: 'media', fileSizeBytes: undefined };
    }
    const answer = askPage(file, pageStart);
    if ('kind' in answer) return answer;
    // A server that does not answer may take its timeout for each try.
    const repeatsMax = answer.readErrno === 0 || isSpaceErrno(answer.readErrno) ? REPEATS_MAX : 1;
    if (repeat === undefined || repeats >= repeatsMax) return refusal(operation, last, answer, repeats);
    if (repeats > 0) outOfStep(repeats);
    const again = repeat();
    if (again === undefined) return undefined;
    last = again;
  }
}

/**
 * Waits, a little longer each time: without that, all repetitions can meet truncations of a file that another process
 * rewrites in a loop (tmpfs, Linux 6.18: 18 times in 90,000 rewrites, never in 80,000 with it). Probably the calls that
 * ask wait for the lock of the inode, which puts both processes in step.
 */
function outOfStep(repeats: number): void {
  const end = performance.now() + repeats * PAUSE_MS;
  while (performance.now() < end);
}

/** Asks the file itself about a page, without a load; undefined if the page reads well. */
export function classifyPage(file: CompleteFile, pageStart: number): Classification | undefined {
  const answer = askPage(file, pageStart);
  if ('kind' in answer) return answer;
  const { readErrno: errno, fileSizeBytes } = answer;
  return errno === 0 ? undefined : { kind: 'io', fileSizeBytes, failure: { errno, syscall: 'pread' } };
}

/** True if the kernel refuses to read the page as it does bad media. */
export function isMediaPage(file: CompleteFile, pageStart: number): boolean {
  return classifyPage(file, pageStart)?.kind === 'media';
}

/** True if the page can be read now, or is gone from the file: whatever was wrong with it, it is no media error. */
export function isHealthyPage(file: CompleteFile, pageStart: number): boolean {
  const verdict = classifyPage(file, pageStart);
  return verdict === undefined || verdict.kind === 'truncated';
}

/** A verdict if the file's own answer gives one, else the answer. */
function askPage(file: CompleteFile, pageStart: number): Classification | Probe {
  const { mappedBytes, facts } = file;
  const { pageBytes } = facts;
  // A view outlives a resize of its file: what lies after the end of the mapping was cut off.
  if (pageStart >= mappedBytes) return { kind: 'truncated', fileSizeBytes: mappedBytes };
  const probe = file.probe(pageStart, Math.min(pageBytes, mappedBytes - pageStart));
  // A filesystem that has shut down answers nothing; a size of 0 taken from it would read as truncation.
  if ('failure' in probe) return { kind: 'io', fileSizeBytes: undefined, failure: probe.failure };
  const { fileSizeBytes, readErrno } = probe;
  if (pageStart >= fileSizeBytes) return { kind: 'truncated', fileSizeBytes };
  if (isMediaErrno(readErrno, facts)) return { kind: 'media', fileSizeBytes };
  return probe;
}

function refusal(operation: 'read' | 'write', fault: CaughtFault, probe: Probe, repeats: number): Classification {
  const { fileSizeBytes, readErrno, writeErrno, hole, freeBytes } = probe;
  // Of a load `no-space` always means a hole, which holds no bytes: whoever salvages relies on it.
  if (readErrno !== 0 && !(operation === 'write' && isSpaceErrno(readErrno))) {
    return { kind: 'io', fileSizeBytes, failure: { errno: readErrno, syscall: 'pread' } };
  }
  if (operation === 'write' && writeErrno !== 0 && !isSpaceErrno(writeErrno)) {
    return { kind: 'io', fileSizeBytes, failure: { errno: writeErrno, syscall: 'pwrite' } };
  }
  if (operation === 'write' || hole) {
    const facts = `statfs tells of ${freeBytes} free bytes, and of no quota, reserved block or shared block`;
    return { kind: 'no-space', fileSizeBytes, facts };
  }
  const tries = repeats === 0 ? '' : `, and again in ${repeats} more tries`;
  const facts = `SIGBUS with code ${fault.signalCode}${tries}; pread reads the page well, and the file has ${fileSizeBytes} bytes`;
  return { kind: 'io', fileSizeBytes, facts };
}

function isSpaceErrno(errno: number): boolean {
  return errno === Errno.ENOSPC || errno === Errno.EDQUOT;
}
