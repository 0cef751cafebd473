/** Results of the calls of a driver: plain facts, never what they mean. */
import type { ByteRange } from '../ranges/byte-range.js';
import type { SystemFailure } from './devices.js';

/** A SIGBUS that a guarded copy caught. `position` is the faulting byte counted from the start of the file. */
export interface CaughtFault {
  readonly position: number;
  /** si_code: 2 BUS_ADRERR, 4 BUS_MCEERR_AR, 5 BUS_MCEERR_AO. It does not tell poison from truncation: see classify. */
  readonly signalCode: number;
  /** si_addr_lsb: log2 of the granule that `position` is exact to; 0 if the kernel does not say. */
  readonly granuleLog2: number;
}

/** Result of a transfer by system call: `errno` 0 with all bytes, 0 with fewer (a short transfer), or a failure. */
export interface Transfer {
  readonly transferredBytes: number;
  /** 0 if the call succeeded, possibly short. */
  readonly errno: number;
}

/** A piece of rewrite(): which blocks are reset first, and what is written then. */
export interface Rewrite {
  /** Whole blocks, for zeroRange(); undefined if nothing is reset. */
  readonly reset: ByteRange | undefined;
  readonly position: number;
  /** Offset of this piece in `bytes`; pieces may overlap. */
  readonly sourceOffset: number;
  readonly length: number;
}

/** Result of one piece. `errno` is of `syscall`: if that is `fallocate`, nothing of the piece was written. */
export interface Rewritten extends Transfer {
  readonly syscall: 'fallocate' | 'pwrite';
}

/** Facts about a faulting block that need no load and no store: fstat, madvise, pread, lseek, fstatfs. */
export interface Probe {
  /** Size of the file now, by fstat; the mapping may be longer. */
  readonly fileSizeBytes: number;
  /**
   * errno of a pread of the block, 0 if it read at least one byte or met the end of the file. EHWPOISON also if that
   * went well, but the kernel refuses to map the block as poisoned memory (MADV_POPULATE_READ, Linux 5.14; not asked on
   * DAX).
   */
  readonly readErrno: number;
  /** errno of a pwrite of no bytes: EROFS or EIO if the filesystem takes no more writes. EBADF in a read-only file. */
  readonly writeErrno: number;
  /** True if the block has no storage yet, so that an access has to allocate. */
  readonly hole: boolean;
  /** Space left to unprivileged users on the filesystem. */
  readonly freeBytes: number;
}

/**
 * The facts that were learnt, or the failure of fstat, of fstatfs, or of a pread of no bytes, without which nothing is:
 * a filesystem that has shut down answers EIO to the last of them, as to any read of any block.
 */
export type ProbeOutcome = Probe | { readonly failure: SystemFailure };

/** A persist that went well for bytes that the file no longer has, for all or some of them. */
export interface Truncation {
  /** Size of the file after the persist: what of the range lies beyond it is gone. */
  readonly fileSizeBytes: number;
}

/** The reason why a persist stopped, or bytes that it did not make durable; undefined if everything is. */
export type PersistProblem = CaughtFault | SystemFailure | Truncation | undefined;

/** Size of the file in bytes, or why it cannot be told. */
export type FileSizeOutcome = { readonly sizeBytes: number } | { readonly failure: SystemFailure };

/** One extent of the file, as FIEMAP reports it, in bytes. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
  /** First byte on the block device that the filesystem is on. */
  readonly physicalOffset: number;
  /** Allocated, but never written: reads are zeros that touch no media. */
  readonly unwritten: boolean;
  /** Shared with another file (reflink). */
  readonly shared: boolean;
  /** The physical offset is not one that can be compared with a bad-block list (delayed, inline, encoded, unknown). */
  readonly unmapped: boolean;
}

/** Extents of a range, or the failure of the query. */
export type ExtentsOutcome = { readonly extents: readonly Extent[] } | { readonly failure: SystemFailure };

/** Effect of zero-range on one healthy, written block of a file without a name. */
export interface ZeroRangeTrial {
  /** That file was on DAX, as this one is. */
  readonly dax: boolean;
  /** Its extents before and after. */
  readonly before: readonly Extent[];
  readonly after: readonly Extent[];
  /** pread(2) of the block gave zeros afterwards. */
  readonly readsZeros: boolean;
}

export type ZeroRangeTrialOutcome = ZeroRangeTrial | { readonly failure: SystemFailure };
