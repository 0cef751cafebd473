/**
 * The methods that a driver may leave out. Core completes a file that lacks any of these methods (see
 * complete-file.ts): each says what core does instead. A driver adds one if it can do better than that.
 */
import type { ByteRange } from '../ranges/byte-range.js';
import type { DeviceBadBlocks, SystemFailure, WatchOutcome } from './devices.js';
import type { FolderOutcome, IdentityOutcome, JournalFile, JournalOutcome, MarkOutcome } from './journal-store.js';
import type { MemoryWindow, ViewOutcome } from './memory.js';
import type {
  ExtentsOutcome, CaughtFault, FileSizeOutcome, PersistProblem, Rewrite, Rewritten, Transfer,
} from './outcomes.js';

/** Faster ways to do what the required methods do. */
export interface Batches {
  /** persist() of many ranges with one fence, or one msync from the first byte to the last. Instead: one by one. */
  persistRanges(ranges: readonly ByteRange[]): PersistProblem;
  /**
   * write() and persist() of the same bytes in one call. After a problem it may not have stored any. Instead: two
   * calls.
   */
  writeAndPersist(source: Uint8Array, position: number): PersistProblem;
  /**
   * persist() off the main thread. Instead: on it. If it fails and is msync, other flushes of the file fail alike until
   * its promise is settled: the kernel tells a failure once.
   */
  persistAsync(position: number, length: number): Promise<PersistProblem>;
  /**
   * For each piece in turn zeroRange(), if it asks for that, and one pwrite(), possibly short. A failure ends its
   * own piece and no other. `bytes` holds what is written of all of them; the outcomes are in their order. Instead:
   * call by call.
   */
  rewrite(pieces: readonly Rewrite[], bytes: Uint8Array): Promise<readonly Rewritten[]>;
  /**
   * pread(2) of each piece in turn, one call each, into consecutive parts of `bytes`; what was not read of a part stays
   * as it was. A failure ends its own piece only. Instead: call by call.
   */
  readEach(pieces: readonly ByteRange[], bytes: Uint8Array): Promise<readonly Transfer[]>;
  /**
   * pread(2) of the range, in as many calls as it takes, into memory of the driver's own. It ends at a call that fails
   * or falls short: with the bytes before that, or with its errno if there are none. Instead: pread() into scratch.
   */
  scrub(position: number, length: number): Promise<Transfer>;
  /** fstat's size, off the main thread. Instead: fileSizeSync(). */
  fileSize(): Promise<FileSizeOutcome>;
}

/** Accelerators of a driver that maps the file. */
export interface MappedMemory {
  /**
   * Memory for short accesses, undefined if there is none for this range. Instead: none, and read() and write() are
   * called.
   */
  memoryWindow(position: number, length: number): MemoryWindow | undefined;
  /** The fault that an access through the window met, once; undefined if there was none. */
  takeFault(): CaughtFault | undefined;
  /**
   * Maps the range once more, privately. Loads nothing. Instead: EOPNOTSUPP, so view() throws ERR_PMEM_NOT_SUPPORTED.
   */
  view(position: number, length: number): ViewOutcome;
  /**
   * Drops this mapping's view of the range and maps the file once more, so that the next access asks the kernel again
   * instead of using a page that was mapped before the kernel learned of a bad block. Page-aligned. Instead: nothing,
   * which is right only if read() asks the kernel each time.
   */
  remap(position: number, length: number): SystemFailure | undefined;
  /**
   * Calls `lost` some time after the kernel has announced that memory of this file is lost, which no access needs to
   * have met (BUS_MCEERR_AO, for pages that some mapping of this process has): with the page, or with more if the
   * kernel did not say which. Begins at once, runs no timer and keeps no process alive. Instead: `supported: false`.
   */
  watchMemory(lost: (range: ByteRange) => void): WatchOutcome;
}

/** Abilities of the filesystem and the device. Instead of each: a refusal, never a success. */
export interface Storage {
  /** fallocate(FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE). Instead: EOPNOTSUPP. */
  zeroRange(position: number, length: number): Promise<SystemFailure | undefined>;
  /** FIEMAP with FIEMAP_FLAG_SYNC over the range; extents may begin before and end after it. Instead: EOPNOTSUPP. */
  extents(position: number, length: number): Promise<ExtentsOutcome>;
  /** The kernel's list for the device under the file. Instead: `supported: false`. */
  badBlocks(): Promise<DeviceBadBlocks>;
  /**
   * Write-locks the range against other open files, in this process or another (fcntl F_OFD_SETLK: never waits, so it
   * is synchronous). errno EAGAIN: another open file holds it. The range may lie past the mapping and past end of file.
   * Instead: ENOLCK, so that repair() and claim() throw ERR_PMEM_NOT_SUPPORTED.
   */
  lock(position: number, length: number): SystemFailure | undefined;
  unlock(position: number, length: number): SystemFailure | undefined;
}

/** The journal off the main thread, and the ways in which a renamed file finds its own. */
export interface JournalExtras {
  /**
   * readJournalSync() off the main thread. Instead: on it, as for the next two. Of changes of the journal that are
   * under way at once, here or on the main thread, the one that was asked for last has to be the one that stays.
   */
  readJournal(place: string, limitBytes: number): Promise<JournalOutcome>;
  writeJournal(place: string, journal: JournalFile): Promise<SystemFailure | undefined>;
  removeJournal(place: string): Promise<SystemFailure | undefined>;
  /**
   * Makes durable which journal is at `place`, or that none is: fsync of its folder. A process may have died after it
   * had replaced the journal, and before that. Instead: nothing, and if the machine dies then, too, the journal of
   * before is back, which may call lost what has been stored since.
   */
  settleJournal(place: string): Promise<SystemFailure | undefined>;
  /** settleJournal() on this thread. */
  settleJournalSync(place: string): SystemFailure | undefined;
  /** Reads the mark of the file. Instead: `unsupported`, and a file with two names takes no journal. */
  readMark(): MarkOutcome;
  /** Sets the mark of the file (empty: removes it) and makes that durable. Instead: EOPNOTSUPP. */
  writeMark(mark: Uint8Array): Promise<SystemFailure | undefined>;
  /** writeMark() on this thread. */
  writeMarkSync(mark: Uint8Array): SystemFailure | undefined;
  /**
   * Lists the folder that the path of the file was in when it was opened; where the filesystem keeps no marks, a file
   * that was renamed finds its journal there. Instead: EOPNOTSUPP, and a renamed file loses its losses.
   */
  listFolder(): Promise<FolderOutcome>;
  /** listFolder() on this thread. */
  listFolderSync(): FolderOutcome;
  /** Tells which file has a name of that folder; follows no symbolic link. Instead: undefined, as if none had it. */
  identify(name: string): IdentityOutcome;
}

/** All that core can do without. */
export interface Accelerators extends Batches, MappedMemory, Storage, JournalExtras {}
