/** The addon, as TypeScript sees it. Every shape here is built in cpp/napi; nothing else of the addon is visible. */
import type {
  CaughtFault, FileSizeOutcome, JournalOutcome, MarkOutcome, NamesOutcome, PersistProblem, ProbeOutcome, SystemFailure,
  Transfer, ViewFault,
} from '@safe-pmem/core';

/**
 * Raised, here and in cpp/napi/addon.cc, with every change of the interface between them: the answers of a binary of
 * older sources would be understood wrongly, and might read as "no bad block".
 */
export const INTERFACE_NUMBER = 10;

/**
 * The functions of one open file, each bound to it: they may be taken off the object and called without it. Once
 * close() has been called persist gives EBADF, and all others throw an Error with code ERR_PMEM_CLOSED. Arguments that
 * are wrong in themselves are a TypeError or RangeError; functions that return a promise throw before they return it.
 */
export interface BindingHandle {
  readonly read: (target: Uint8Array, position: number) => CaughtFault | undefined;
  readonly write: (source: Uint8Array, position: number) => CaughtFault | undefined;
  readonly persist: (position: number, length: number) => PersistProblem;
  /** Positions and lengths in turn. */
  readonly persistRanges: (pairs: Float64Array) => PersistProblem;
  readonly writeAndPersist: (source: Uint8Array, position: number) => PersistProblem;
  /** An ArrayBuffer over mapped bytes, which keeps them mapped; undefined if the runtime allows none. */
  readonly window: (position: number, length: number) => ArrayBuffer | undefined;
  /** An Int32 in an ArrayBuffer: faults, since the last takeFault(), of accesses that JavaScript made by itself. */
  readonly faultCounter: () => ArrayBuffer | undefined;
  /** The first of those faults, after the file's pages have been mapped back; undefined if there was none. */
  readonly takeFault: () => CaughtFault | undefined;
  readonly view: (position: number, length: number) => BoundView | { readonly failure: SystemFailure };
  /** Empties every array over one of these buffers, and lets go of the mapping. Also after close(). */
  readonly detach: (buffer: ArrayBuffer) => void;
  readonly probe: (position: number, length: number) => ProbeOutcome;
  readonly remap: (position: number, length: number) => SystemFailure | undefined;
  readonly mappedBytes: () => number;
  readonly lock: (position: number, length: number) => SystemFailure | undefined;
  readonly unlock: (position: number, length: number) => SystemFailure | undefined;
  readonly readJournalSync: (place: string, limitBytes: number) => JournalOutcome;
  readonly writeJournalSync: (
    place: string, bytes: Uint8Array, mark: Uint8Array, temporary: string, isNew: boolean,
  ) => SystemFailure | undefined;
  readonly removeJournalSync: (place: string) => SystemFailure | undefined;
  readonly readMark: () => MarkOutcome;
  readonly writeMark: (mark: Uint8Array) => Promise<SystemFailure | undefined>;
  readonly writeMarkSync: (mark: Uint8Array) => SystemFailure | undefined;
  readonly names: () => NamesOutcome;
  readonly fileSizeSync: () => FileSizeOutcome;
  /** Positions and lengths in turn; resolves with two numbers for each: bytes transferred and errno. */
  readonly readEach: (pairs: Float64Array, bytes: Uint8Array) => Promise<Float64Array>;
  readonly pread: (target: Uint8Array, position: number) => Promise<Transfer>;
  readonly pwrite: (source: Uint8Array, position: number) => Promise<Transfer>;
  readonly scrub: (position: number, length: number) => Promise<Transfer>;
  /**
   * For each piece five numbers: position and length of what is reset, or zeros; position, place in `bytes` and length of what is
   * written. Three for each come back: bytes transferred, errno, and 1 if the errno is the reset's.
   */
  readonly rewrite: (pieces: Float64Array, bytes: Uint8Array) => Promise<Float64Array>;
  readonly persistAsync: (position: number, length: number) => Promise<PersistProblem>;
  readonly sync: () => Promise<SystemFailure | undefined>;
  readonly zeroRange: (position: number, length: number) => Promise<SystemFailure | undefined>;
  /** Extents as those of extents(), before and after. */
  readonly tryZeroRange: () => Promise<BoundTrial | { readonly failure: SystemFailure }>;
  readonly truncate: (sizeBytes: number) => Promise<SystemFailure | undefined>;
  readonly fileSize: () => Promise<FileSizeOutcome>;
  /** Four numbers for each extent: offset, length, physical offset, and 1 for unwritten, 2 for shared, 4 for unmapped. */
  readonly extents: (
    position: number,
    length: number,
  ) => Promise<{ readonly extents: Float64Array } | { readonly failure: SystemFailure }>;
  readonly readJournal: (place: string, limitBytes: number) => Promise<JournalOutcome>;
  readonly writeJournal: (
    place: string, bytes: Uint8Array, mark: Uint8Array, temporary: string, isNew: boolean,
  ) => Promise<SystemFailure | undefined>;
  readonly removeJournal: (place: string) => Promise<SystemFailure | undefined>;
  /** madvise(MADV_NOHUGEPAGE) of the mapping, and of all that come after it. */
  readonly avoidHugePages: () => SystemFailure | undefined;
  readonly resize: (sizeBytes: number, preallocate: boolean) => Promise<SystemFailure | undefined>;
  readonly close: () => Promise<SystemFailure | undefined>;
}

/** The outcome of the trial of tryZeroRange(). */
export interface BoundTrial {
  readonly dax: boolean;
  readonly readsZeros: boolean;
  readonly before: Float64Array;
  readonly after: Float64Array;
}

/** A private mapping of the pages of a range. */
export interface BoundView {
  /** Of the first byte of `buffer` in the file. */
  readonly position: number;
  readonly buffer: ArrayBuffer | undefined;
  /** An Int32: how many faults there have been in the view. */
  readonly counter: ArrayBuffer | undefined;
  /**
   * The places where zeros stand for the file's bytes, and why; the first of very many faults. undefined: another
   * thread is just finding out.
   */
  readonly faults: () => readonly ViewFault[] | undefined;
  /**
   * Empties every array over `buffer` and unmaps it at once; does nothing if it was handed to another thread. Also
   * after close().
   */
  readonly release: (buffer: ArrayBuffer) => void;
}

/** The findings of open(), before any of them is interpreted. */
export interface OpenedFile {
  readonly handle: BindingHandle;
  /** Of the file among those of this thread, for Binding.call. */
  readonly number: number;
  /** Resolved; bytes of the name that are not UTF-8 are replaced, so it is for people and messages. */
  readonly path: string;
  /** This open made the file, or found it empty and gave it its size. */
  readonly created: boolean;
  readonly inode: bigint;
  readonly birthTimeNs: bigint;
  /** `MAJOR:MINOR` of the device that the file's inode names. */
  readonly device: string;
  readonly ownerId: number;
  readonly groupId: number;
  readonly mode: number;
  readonly modifiedMs: number;
  readonly changedMs: number;
  readonly userId: number;
  /** f_type of statfs(2). */
  readonly filesystemMagic: number;
  readonly dax: boolean;
  readonly mapSync: boolean;
  /** `msync`, or the cache-line instruction. */
  readonly persistInstruction: string;
  readonly pageBytes: number;
  readonly blockBytes: number;
}

/** A line of `dmsetup table`. Sectors have 512 bytes, and count from the start of the device-mapper device. */
export interface TableTarget {
  readonly firstSector: number;
  readonly sectors: number;
  /** `linear`, `striped` … */
  readonly type: string;
  readonly parameters: string;
}

export type DeviceTable = { readonly targets: readonly TableTarget[] } | { readonly failure: SystemFailure };

/** Bytes of a file that some mapping of this process has, whose memory is lost: a page, or all that one entry maps. */
export interface MemoryNotice {
  /** `MAJOR:MINOR`, as OpenedFile has it. */
  readonly device: string;
  readonly inode: bigint;
  readonly position: number;
  readonly length: number;
}

export interface Binding {
  /** INTERFACE_NUMBER of the sources that it was built from; undefined in what is no binary of this package. */
  readonly interfaceNumber: number | undefined;

  open(
    path: string,
    readOnly: boolean,
    create: boolean,
    sizeBytes: number | undefined,
    preallocate: boolean,
  ): Promise<OpenedFile | { readonly failure: SystemFailure }>;

  /**
   * read() of any file: `call` holds the position, and the number of the file. The engine calls one function of all files
   * faster than one of each, and a store into an array costs less than an argument.
   */
  readonly readByNumber: (target: Uint8Array) => CaughtFault | undefined;
  readonly call: Float64Array;

  /** Of what a device-mapper device is made. EACCES or EPERM for all but root, ENODEV or ENXIO if there is none. */
  deviceTable(major: number, minor: number): DeviceTable;

  /** Puts the SIGBUS handler back on top if another has replaced it since the first open(). Nothing before that. */
  installGuard(): void;

  /**
   * Calls `heard` for bytes of files, mapped by this process, whose memory the kernel says is lost. Keeps no process
   * alive. The function that comes back ends it.
   */
  readonly watchMemory: (heard: (notice: MemoryNotice) => void) => (() => void) | { readonly failure: SystemFailure };

  /**
   * FS_IOC_GETFSMAP of offsets and lengths in turn. Three numbers for each answer: offset, length, and 0 for free, 1
   * for the filesystem's own, 2 for allocated.
   */
  readonly spaceOf: (
    directory: string, pairs: Float64Array,
  ) => Promise<{ readonly spaces: Float64Array } | { readonly failure: SystemFailure }>;

  /** Signals about memory of this addon as lost that nothing was accessing, in the whole process, since it was loaded. */
  advisoryMemoryErrors(): number;
}
