/**
 * What a caught SIGBUS means. The signal alone cannot tell: up to Linux 6.1 poison raises the same BUS_ADRERR as a load
 * past end of file or a store that finds no space. So the file is asked, by calls that touch no mapped memory.
 */
import type { DriverFile, Fault, SystemFailure } from './driver.js';
import { Errno } from './errno.js';

export type FaultKind = 'media' | 'truncated' | 'no-space' | 'io';

export interface Classification {
  readonly kind: FaultKind;
  /** Size of the file when it was asked; undefined where the signal answered by itself. */
  readonly fileSizeBytes: number | undefined;
  /** Of `io`: the call by which the file was asked, and that failed. */
  readonly failure?: SystemFailure;
}

/** Memory failure, consumed by this access (4) or found by a background check (5): sigaction(2). */
const BUS_MCEERR_AR = 4;
const BUS_MCEERR_AO = 5;

/** Errnos by which a kernel says, on a read, that the medium cannot give the bytes. */
export function isMediaErrno(errno: number): boolean {
  return errno === Errno.EIO || errno === Errno.EFAULT || errno === Errno.EHWPOISON;
}

/** Decides what `fault` was. Makes system calls only where the signal code leaves it open. */
export function classifyFault(file: DriverFile, operation: 'read' | 'write', fault: Fault): Classification {
  // Real memory failure: asking again with pread would consume the poison a second time.
  if (fault.signalCode === BUS_MCEERR_AR || fault.signalCode === BUS_MCEERR_AO) {
    return { kind: 'media', fileSizeBytes: undefined };
  }
  const { pageBytes, blockBytes } = file.facts;
  const pageStart = Math.floor(fault.position / pageBytes) * pageBytes;
  // A view outlives a resize of its file: what lies behind the mapping was cut off.
  if (pageStart >= file.mappedBytes) return { kind: 'truncated', fileSizeBytes: file.mappedBytes };
  const probe = file.probe(pageStart, Math.min(pageBytes, file.mappedBytes - pageStart));
  // A filesystem that has shut down answers nothing; a size of 0 taken from it would read as truncation.
  if ('failure' in probe) return { kind: 'io', fileSizeBytes: undefined, failure: probe.failure };
  const { fileSizeBytes } = probe;
  if (pageStart >= fileSizeBytes) return { kind: 'truncated', fileSizeBytes };
  if (probe.readErrno !== 0) return { kind: 'media', fileSizeBytes };
  // A load of a hole allocates too (tmpfs). With space left, a failed store to storage that exists is the medium's.
  if ((probe.hole || operation === 'write') && probe.freeBytes < blockBytes) return { kind: 'no-space', fileSizeBytes };
  return { kind: 'media', fileSizeBytes };
}
