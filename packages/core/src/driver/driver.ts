/**
 * A driver is the mechanism under PmemFile. A driver receives arguments that PmemFile has already validated and
 * reports plain facts: which signal, which errno, how many bytes. What a fact means, and what to try next, is decided
 * in core, so that the mock and the kernel exercise the same decisions.
 *
 * A driver never throws for anything the machine does; it throws only when it was called wrongly. How to write one:
 * docs/guides/write-a-driver.md.
 */
import type { DeviceDriver, SystemFailure } from './devices.js';
import type { Accelerators } from './accelerators.js';
import type { FileFacts } from './facts.js';
import type { JournalStore } from './journal-store.js';
import type {
  CaughtFault, FileSizeOutcome, PersistProblem, ProbeOutcome, Transfer, ZeroRangeTrialOutcome,
} from './outcomes.js';

export type { DeviceBadBlocks, SystemFailure } from './devices.js';
export type * from './accelerators.js';
export type * from './facts.js';
export type * from './outcomes.js';
export * from './journal-store.js';
export * from './memory.js';

export interface OpenRequest {
  readonly readOnly: boolean;
  /** Create the file (mode 0600) if it does not exist. An existing file of 0 bytes counts as new. */
  readonly create: boolean;
  /** Size of a new file. An existing file is never resized by open. */
  readonly sizeBytes: number | undefined;
  /** Allocate every block of a new file, so that no later store can run out of space. */
  readonly preallocate: boolean;
}

export type OpenOutcome<File extends DriverFile = DriverFile> =
  | { readonly file: File }
  | { readonly failure: SystemFailure };

/** `Driver<CompleteFile>` is one whose files have every accelerator. */
export interface Driver<File extends DriverFile = DriverFile> {
  readonly name: string;
  /** Whole devices, if the driver can speak of them. */
  readonly devices?: DeviceDriver | undefined;
  open(path: string, request: OpenRequest): Promise<OpenOutcome<File>>;
}

/**
 * One open file, mapped or not: what a driver must do, and in Accelerators what it may do. Positions are bytes from the
 * start of the file and lie below `mappedBytes`. Methods that return at once are loads and stores, or are called only
 * after a fault; methods that may block return a promise. After close() every method that reports a failure reports
 * EBADF, and read, write and probe throw: nothing crashes.
 */
export interface DriverFile extends JournalStore, Partial<Accelerators> {
  readonly facts: FileFacts;
  /**
   * The same object for all files of one filesystem on one device in this process, another one for any other: core
   * keeps by it what it has learnt of the device. Undefined: nothing is remembered.
   */
  readonly deviceIdentity?: object | undefined;
  /** Bytes mapped now: the size of the file at open() or at the last resize() of this DriverFile. */
  readonly mappedBytes: number;

  /**
   * Copies mapped bytes at `position` into all of `target`. Returns undefined, or the fault that stopped the copy,
   * after which any part of `target` may have been overwritten. Throws TypeError if `target` is detached.
   */
  read(target: Uint8Array, position: number): CaughtFault | undefined;
  /**
   * Copies all of `source` to `position`. After a fault any part of the range may have been stored. TypeError as
   * read().
   */
  write(source: Uint8Array, position: number): CaughtFault | undefined;
  /**
   * Makes stores to the range survive power loss, before it returns. A cache-line flush faults like a load, so it runs
   * under the guard too and may return a CaughtFault; msync returns a SystemFailure, or a Truncation if the file is
   * shorter than the end of the range, be it by less than a page.
   */
  persist(position: number, length: number): PersistProblem;
  /**
   * Questions the block at `position`, a page or less, after a fault. Loads and stores nothing. A failure if the
   * filesystem answers nothing at all, as ext4 and XFS do once they have shut down.
   */
  probe(position: number, length: number): ProbeOutcome;

  /** pread(2): one call, possibly short. */
  pread(target: Uint8Array, position: number): Promise<Transfer>;
  /** pwrite(2): one call, possibly short. Never through the mapping. */
  pwrite(source: Uint8Array, position: number): Promise<Transfer>;
  /** fdatasync(2). */
  sync(): Promise<SystemFailure | undefined>;
  /**
   * ftruncate (and, with `preallocate`, allocation of what is new), and a mapping of the new size, which is made first:
   * if it cannot be had, nothing changes. A size no smaller than `mappedBytes` never shortens the file: what other
   * processes added past it stays. On another failure the size may have changed all the same (ext4 truncating into
   * poison); `mappedBytes` says what is mapped.
   */
  resize(sizeBytes: number, preallocate: boolean): Promise<SystemFailure | undefined>;
  /** ftruncate without touching the mapping: restores the size after a whole-page write of the last page. */
  truncate(sizeBytes: number): Promise<SystemFailure | undefined>;
  /**
   * fstat's size, on this thread: asked after a load of zeros, because the kernel fills the rest of the last page with
   * them, so that bytes which another process has cut off load without a fault.
   */
  fileSizeSync(): FileSizeOutcome;
  /**
   * Tries zeroRange() on a block where it can harm nothing: makes a file without a name (O_TMPFILE) in the directory of
   * the file, of one block that is written and synced, and notes its extents before and after. Leaves nothing. Without
   * it core does not know what zero-range does here.
   */
  tryZeroRange?(): Promise<ZeroRangeTrialOutcome>;
  /**
   * From now on maps this file, its views included, by pages of `facts.pageBytes` alone (madvise(MADV_NOHUGEPAGE)).
   * Core calls it before anything is loaded or stored: what is mapped stays as it is. No failure if there are no
   * huge pages. Without it core cannot say how the file is mapped.
   */
  avoidHugePages?(): SystemFailure | undefined;

  /** Unmaps and closes, after every call in flight has ended. */
  close(): Promise<SystemFailure | undefined>;
}

/** A DriverFile that has every method: its driver's own, or core's (see completeFile()). */
export type CompleteFile = DriverFile & Accelerators;
