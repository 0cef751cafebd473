/**
 * What a driver is: the mechanism under PmemFile. A driver receives arguments that PmemFile has already validated and
 * reports plain facts: which signal, which errno, how many bytes. What a fact means, and what to try next, is decided
 * in core, so that the mock and the kernel exercise the same decisions.
 *
 * A driver never throws for anything the machine does; it throws only when it was called wrongly.
 */
import type { ByteRange } from './byte-range.js';
import type { DeviceBadBlocks, DeviceDriver, NvdimmBus, SystemFailure } from './devices.js';

export type { DeviceBadBlocks, SystemFailure } from './devices.js';

/** The journal of `<path>` is the file `<path>` + this suffix, in the same directory. */
export const JOURNAL_SUFFIX = '.repair';

/** A SIGBUS that a guarded copy caught. `position` is the faulting byte counted from the start of the file. */
export interface Fault {
  readonly position: number;
  /** si_code: 2 BUS_ADRERR, 4 BUS_MCEERR_AR, 5 BUS_MCEERR_AO. It does not tell poison from truncation: see classify. */
  readonly signalCode: number;
  /** si_addr_lsb: log2 of the granule that `position` is exact to; 0 where the kernel does not say. */
  readonly granuleLog2: number;
}

/** What a transfer by system call did: `errno` 0 with all bytes, 0 with fewer (a short transfer), or a failure. */
export interface Transfer {
  readonly transferredBytes: number;
  /** 0 where the call succeeded, possibly short. */
  readonly errno: number;
}

/** A piece of rewrite(): where blocks are reset first, and what is written then. */
export interface Rewrite {
  /** Whole blocks, for zeroRange(); undefined where nothing is reset. */
  readonly reset: ByteRange | undefined;
  readonly position: number;
  /** Of its first byte in the bytes that are written; pieces may share bytes. */
  readonly from: number;
  readonly length: number;
}

/** What became of one piece. `errno` is of `syscall`: where that is `fallocate`, nothing of the piece was written. */
export interface Rewritten extends Transfer {
  readonly syscall: 'fallocate' | 'pwrite';
}

/** What can be learnt about a faulting block without a load or a store: fstat, madvise, pread, lseek, fstatfs. */
export interface Probe {
  /** Size of the file now, by fstat; the mapping may be longer. */
  readonly fileSizeBytes: number;
  /**
   * errno of a pread of the block, 0 if it read at least one byte or met the end of the file. EHWPOISON also if that went
   * well, but the kernel refuses to map the block as poisoned memory (MADV_POPULATE_READ, Linux 5.14; not asked on DAX).
   */
  readonly readErrno: number;
  /** errno of a pwrite of no bytes: EROFS or EIO if the filesystem takes no more writes. EBADF in a read-only file. */
  readonly writeErrno: number;
  /** True where the block has no storage yet, so that an access has to allocate. */
  readonly hole: boolean;
  /** Space left to unprivileged users on the filesystem. */
  readonly freeBytes: number;
}

/**
 * What was learnt, or the failure of fstat, of fstatfs, or of a pread of no bytes, without which nothing is: a filesystem
 * that has shut down answers EIO to the last of them, as to any read of any block.
 */
export type ProbeOutcome = Probe | { readonly failure: SystemFailure };

/** A persist that went well for bytes that the file no longer has, for all or some of them. */
export interface Truncation {
  /** Size of the file after the persist: what of the range lies beyond it is gone. */
  readonly fileSizeBytes: number;
}

/** What stopped a persist, or what it did not make durable; undefined if everything is. */
export type PersistProblem = Fault | SystemFailure | Truncation | undefined;

/** Size of the file in bytes, or why nobody can tell. */
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

/** What zero-range did to one healthy, written block of a file without a name. */
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

/** Contents of a journal file, with what says whose it is. */
export type JournalOutcome =
  | {
      readonly status: 'present';
      readonly bytes: Uint8Array;
      /** User who owns the journal file. */
      readonly ownerId: number;
      /** When it was written, in milliseconds since 1970, by the clock of the filesystem. */
      readonly modifiedMs: number;
      /** The mark of the journal file itself; undefined if it has none. A copy made without attributes has none. */
      readonly mark: Uint8Array | undefined;
    }
  | { readonly status: 'absent' }
  | { readonly status: 'too-large'; readonly sizeBytes: number }
  | { readonly status: 'failed'; readonly failure: SystemFailure };

/**
 * The mark of a file: the extended attribute that names its journal. It stays with the inode through renames and hard
 * links. `unsupported`: the filesystem keeps no user attributes (tmpfs before Linux 6.6, some network filesystems).
 */
export type MarkOutcome =
  | { readonly status: 'present'; readonly bytes: Uint8Array }
  | { readonly status: 'absent' }
  | { readonly status: 'unsupported' }
  | { readonly status: 'failed'; readonly failure: SystemFailure };

/** The names of an open file, by fstat and by looking up the path that it was opened with. */
export type NamesOutcome =
  | { readonly linkCount: number; readonly isAtPath: boolean }
  | { readonly failure: SystemFailure };

/** A journal about to be written. */
export interface JournalFile {
  readonly bytes: Uint8Array;
  readonly mark: Uint8Array;
  /** Name of the temporary file, in the directory of the journal. */
  readonly temporary: string;
  /** There is no journal of this file yet: whatever has the name by now is somebody else's (EEXIST). */
  readonly isNew: boolean;
}

/** How stores become durable: by CPU cache-line flush, or by msync of the pages. */
export type PersistMethod = 'cpu-flush' | 'msync';

/** What the driver found out about an open file. Facts only: strategy is chosen in core. */
export interface FileFacts {
  /** Path with every symbolic link resolved; the journal lives beside it. */
  readonly path: string;
  readonly readOnly: boolean;
  /** True where this open() created the file (or found it with 0 bytes and gave it its size). */
  readonly created: boolean;
  /** Inode number, and birth time by statx (0n where the filesystem keeps none): they tie a journal to its file. */
  readonly inode: bigint;
  readonly birthTimeNs: bigint;
  /** Owner, group and permission bits of the file when it was opened. */
  readonly ownerId: number;
  readonly groupId: number;
  readonly mode: number;
  /** When the file's bytes were last changed before open(), in milliseconds since 1970, by the filesystem's clock. */
  readonly modifiedMs: number;
  /** Effective user of this process: who owns the files that it creates. */
  readonly userId: number;
  /** Changes with every boot of the machine; tells whether a process died or the machine did. Empty: not known. */
  readonly bootId: string;
  /** `MAJOR:MINOR` of the device the filesystem is on. */
  readonly device: string;
  /** `ext4`, `xfs`, `tmpfs` …, or the filesystem's magic number as `0x…`. */
  readonly filesystem: string;
  /** statx STATX_ATTR_DAX: loads and stores reach the media without the page cache. */
  readonly dax: boolean;
  /** The mapping was made with MAP_SYNC. */
  readonly mapSync: boolean;
  readonly persistMethod: PersistMethod;
  /** `clwb`, `clflushopt`, `clflush`, `dc cvap`, `msync`: the instruction or call that persist() uses. */
  readonly persistInstruction: string;
  readonly pageBytes: number;
  /** Filesystem block: the smallest range that can be repaired. */
  readonly blockBytes: number;
  /** `uname -r`. */
  readonly kernelRelease: string;
  /** The nvdimm bus under the file, where there is one: its `provider` and its `commands`. */
  readonly bus?: NvdimmBus | undefined;
}

/** Accesses through a MemoryWindow are at most this long: then one spans two pages, and a driver has room to note both. */
export const WINDOW_ACCESS_BYTES_MAX = 4096;

/** What short accesses use of a Buffer: its class has no name where there are no types of Node. */
export interface WindowBytes extends Uint8Array {
  /** Buffer.copy(). */
  copy(target: Uint8Array, targetStart?: number, sourceStart?: number, sourceEnd?: number): number;
}

/**
 * Mapped memory that JavaScript may touch without a call: `bytes` and `data` begin at byte `start` of the file. The driver
 * detaches them before it unmaps: do an access before anything else can run. Afterwards look at `faults`, which was fetched
 * before it: unless `faults[0]` is 0, what was loaded means nothing, what was stored is gone, and takeFault() says why. In a
 * file that is open read-only a store is the end of the process.
 */
export interface MemoryWindow {
  readonly start: number;
  readonly bytes: WindowBytes;
  readonly data: DataView;
  readonly faults: Int32Array;
}

/** Pages of a view that a load could not get: zeros have taken their place for good. */
export interface ViewFault extends Omit<Fault, 'granuleLog2'> {
  /** `position` and `length` are whole pages. */
  readonly length: number;
}

/** A range of the file as memory: loads see the file, stores stay in this process. It survives resize() and close(). */
export interface DriverView {
  /** Exactly the range. Of length 0 after release(). */
  readonly bytes: Uint8Array;
  /** Some load met a page that is not there. */
  readonly faulted: boolean;
  /** Every fault so far; undefined where another thread is meeting one at this moment: then all of it is in doubt. */
  faults(): readonly ViewFault[] | undefined;
  release(): void;
}

export type ViewOutcome = { readonly view: DriverView } | { readonly failure: SystemFailure };

export interface OpenRequest {
  readonly readOnly: boolean;
  /** Create the file (mode 0600) where it does not exist. An existing file of 0 bytes counts as new. */
  readonly create: boolean;
  /** Size of a new file. An existing file is never resized by open. */
  readonly sizeBytes: number | undefined;
  /** Allocate every block of a new file, so that no later store can run out of space. */
  readonly preallocate: boolean;
}

export type OpenOutcome = { readonly file: DriverFile } | { readonly failure: SystemFailure };

export interface Driver {
  readonly name: string;
  /** Whole devices, where the driver can speak of them. */
  readonly devices?: DeviceDriver | undefined;
  open(path: string, request: OpenRequest): Promise<OpenOutcome>;
}

/**
 * One open, mapped file. Positions are bytes from the start of the file and lie inside the mapping. Methods that
 * return at once are loads and stores, or are called only after a fault; methods that may block return a promise.
 * After close() every method that reports a failure reports EBADF, and read, write and probe throw: nothing crashes.
 */
export interface DriverFile {
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
   * after which any part of `target` may have been overwritten. Throws TypeError where `target` is detached.
   */
  read(target: Uint8Array, position: number): Fault | undefined;
  /** Copies all of `source` to `position`. After a fault any part of the range may have been stored. TypeError as read(). */
  write(source: Uint8Array, position: number): Fault | undefined;
  /**
   * Makes stores to the range survive power loss, before it returns. A cache-line flush faults like a load, so it runs
   * under the guard too and may return a Fault; msync returns a SystemFailure, or a Truncation if the file is shorter than
   * the end of the range, be it by less than a page.
   */
  persist(position: number, length: number): PersistProblem;
  /** persist() of many ranges with one fence, or one msync from the first byte to the last. */
  persistRanges(ranges: readonly ByteRange[]): PersistProblem;
  /** write() and persist() of the same bytes in one call. After a problem it may not have stored any. */
  writeAndPersist(source: Uint8Array, position: number): PersistProblem;
  /** persist() off the main thread. */
  persistAsync(position: number, length: number): Promise<PersistProblem>;
  /** Memory for short accesses, undefined where there is none for this range. */
  memoryWindow(position: number, length: number): MemoryWindow | undefined;
  /** The fault that an access through the window met, once; undefined where there was none. */
  takeFault(): Fault | undefined;
  /** Maps the range once more, privately. Loads nothing. */
  view(position: number, length: number): ViewOutcome;
  /**
   * Questions the block at `position`, a page or less, after a fault. Loads and stores nothing. A failure if the
   * filesystem answers nothing at all, as ext4 and XFS do once they have shut down.
   */
  probe(position: number, length: number): ProbeOutcome;
  /**
   * Drops this mapping's view of the range and maps the file anew, so that the next access asks the kernel again
   * instead of using a page that was mapped before the kernel learned of a bad block. Page-aligned.
   */
  remap(position: number, length: number): SystemFailure | undefined;

  /** pread(2): one call, possibly short. */
  pread(target: Uint8Array, position: number): Promise<Transfer>;
  /** pwrite(2): one call, possibly short. Never through the mapping. */
  pwrite(source: Uint8Array, position: number): Promise<Transfer>;
  /** fdatasync(2). */
  sync(): Promise<SystemFailure | undefined>;
  /** fallocate(FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE). */
  zeroRange(position: number, length: number): Promise<SystemFailure | undefined>;
  /**
   * Tries zeroRange() on a block where it can harm nothing: makes a file without a name (O_TMPFILE) in the directory of
   * the file, of one block that is written and synced, and notes its extents before and after. Leaves nothing. A driver
   * that cannot do that leaves the method out.
   */
  tryZeroRange?(): Promise<ZeroRangeTrialOutcome>;
  /**
   * For each piece in turn zeroRange(), where it asks for that, and one pwrite(), possibly short. What fails ends its own piece
   * and no other. `bytes` holds what is written of all of them; the outcomes are in their order.
   */
  rewrite(pieces: readonly Rewrite[], bytes: Uint8Array): Promise<readonly Rewritten[]>;
  /**
   * pread(2) of the range, in as many calls as it takes, into memory of the driver's own that nobody sees. It ends where a call
   * fails or falls short: with the bytes before that, or with its errno where there are none.
   */
  scrub(position: number, length: number): Promise<Transfer>;
  /**
   * ftruncate (and, with `preallocate`, allocation of what is new), and a mapping of the new size, which is made first: if
   * it cannot be had, nothing changes. A size no smaller than `mappedBytes` never shortens the file: what other processes
   * added past it stays. On another failure the size may have changed all the same (ext4 truncating into
   * poison); `mappedBytes` says what is mapped.
   */
  resize(sizeBytes: number, preallocate: boolean): Promise<SystemFailure | undefined>;
  /** ftruncate without touching the mapping: restores the size after a whole-page write of the last page. */
  truncate(sizeBytes: number): Promise<SystemFailure | undefined>;
  /** fstat's size. */
  fileSize(): Promise<FileSizeOutcome>;
  /**
   * fileSize() on this thread, after a load of zeros: the kernel fills the rest of the last page with them, so that
   * bytes which another process has cut off load without a fault.
   */
  fileSizeSync(): FileSizeOutcome;
  /** FIEMAP with FIEMAP_FLAG_SYNC over the range; extents are clipped by nobody. */
  extents(position: number, length: number): Promise<ExtentsOutcome>;
  /** The kernel's list for the device under the file. */
  badBlocks(): Promise<DeviceBadBlocks>;

  /**
   * Write-locks the range against other open files, in this process or another (fcntl F_OFD_SETLK: never waits, so it
   * is synchronous). errno EAGAIN: somebody holds it. The range may lie past the mapping and past end of file.
   */
  lock(position: number, length: number): SystemFailure | undefined;
  unlock(position: number, length: number): SystemFailure | undefined;

  /** pread(2) of each piece in turn, one call each, into consecutive parts of `bytes`. What fails ends its own piece only. */
  readEach(pieces: readonly ByteRange[], bytes: Uint8Array): Promise<readonly Transfer[]>;

  // The journal. `place` is a name in the directory of the file, or an absolute path.

  /** Reads a journal whole, without following a symbolic link; a file over `limitBytes` is not read. */
  readJournal(place: string, limitBytes: number): Promise<JournalOutcome>;
  /**
   * Replaces a journal: `temporary` (a name in the same directory, never an existing file of another user), owner,
   * group and mode of the file as far as they may be set, `mark` as its extended attribute where the filesystem keeps
   * them, fsync, rename, fsync of the directory. A crash leaves the old journal or the new one, never a mixture.
   */
  writeJournal(place: string, journal: JournalFile): Promise<SystemFailure | undefined>;
  /** Unlinks a journal and fsyncs its directory. No journal is no failure. */
  removeJournal(place: string): Promise<SystemFailure | undefined>;
  /** readJournal() on this thread, for persist() over a lost range. */
  readJournalSync(place: string, limitBytes: number): JournalOutcome;
  /** writeJournal() on this thread. */
  writeJournalSync(place: string, journal: JournalFile): SystemFailure | undefined;
  /** removeJournal() on this thread. */
  removeJournalSync(place: string): SystemFailure | undefined;
  /** Reads the mark of the file. */
  readMark(): MarkOutcome;
  /** Sets the mark of the file (empty: removes it) and makes that durable. */
  writeMark(mark: Uint8Array): Promise<SystemFailure | undefined>;
  /** writeMark() on this thread. */
  writeMarkSync(mark: Uint8Array): SystemFailure | undefined;
  /** How many names the file has, and whether the path that it was opened with still leads to it. */
  names(): NamesOutcome;

  /** Unmaps and closes, after every call in flight has ended. */
  close(): Promise<SystemFailure | undefined>;
}
