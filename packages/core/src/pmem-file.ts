import { AsyncLocalStorage } from 'node:async_hooks';
import { requireBoolean, requireBytes, requireFunction, requireInside, requireInteger, requireRange } from './arguments.js';
import type { BadBlockReport, FileBadBlocks } from './bad-blocks.js';
import { queryBadBlocks, reportOf } from './bad-blocks.js';
import type { ByteRange } from './byte-range.js';
import { alignOut, coalesce, intersectAll, rangeBetween } from './byte-range.js';
import type { DriverFile } from './driver.js';
import { PmemError } from './errors.js';
import { publishRepair } from './events.js';
import type { FileInfo } from './file-info.js';
import { clearAbility, fileInfo, repairUnitBytes } from './file-info.js';
import { GuardedIo } from './guarded-io.js';
import { Hazards } from './hazards.js';
import type { OpenOptions } from './open-options.js';
import { checkOpenArguments } from './open-options.js';
import { storeJournal } from './repair/journal.js';
import { dropPersistedTombstones, journalError } from './repair/persisted-tombstones.js';
import type { RepairReceipt } from './repair/receipt.js';
import { recoverJournal } from './repair/recover.js';
import type { RepairOptions } from './repair/repair-options.js';
import { repairRequest } from './repair/repair-options.js';
import { repairRanges } from './repair/repair.js';
import type { Salvage } from './salvage.js';
import { salvageRange } from './salvage.js';
import type { ScrubOptions, ScrubReport } from './scrub.js';
import { scrubRange } from './scrub.js';
import { systemError } from './system-error.js';

export interface ResizeOptions {
  /** Allocate blocks for what is new now. Default false. */
  readonly preallocate?: boolean;
  /** Cut off bad blocks even where the device may not clear them for their next owner. Default false. */
  readonly allowRelease?: boolean;
}

/** Set while a rebuild callback runs, to refuse a repair from inside a repair of the same file instead of deadlocking. */
const repairing = new AsyncLocalStorage<readonly PmemFile[]>();

/**
 * A file of persistent memory, mapped and safe: whatever the medium does becomes an error that names the bytes.
 *
 * Loads and stores are synchronous and run at memory speed; whatever may block in the kernel returns a promise.
 * Positions and lengths are bytes from the start of the file, need no alignment, and are at most 2^53 - 1.
 */
export class PmemFile {
  readonly #file: DriverFile;
  readonly #hazards = new Hazards();
  readonly #io: GuardedIo;
  #size: number;
  #closed = false;
  #repairs: Promise<unknown> = Promise.resolve();
  #pendingRepairs = 0;

  private constructor(file: DriverFile) {
    this.#file = file;
    this.#io = new GuardedIo(file, this.#hazards);
    this.#size = file.mappedBytes;
  }

  /**
   * Opens and maps `path`, finishes a repair that a crash cut off, and takes over the kernel's list of bad blocks.
   *
   * Throws TypeError/RangeError for bad options; ERR_PMEM_NOT_FOUND, ERR_PMEM_ACCESS, ERR_PMEM_NOT_A_FILE,
   * ERR_PMEM_NO_SPACE, ERR_PMEM_TOO_SMALL, ERR_PMEM_NOT_SUPPORTED or ERR_PMEM_IO, with the file as it was;
   * ERR_PMEM_JOURNAL where a repair journal cannot be trusted or replaced.
   */
  static async open(path: string, options: OpenOptions): Promise<PmemFile> {
    checkOpenArguments(path, options);
    const { driver, create = false, size, readOnly = false, preallocate = false, journal = 'require' } = options;
    const outcome = await driver.open(path, { create, readOnly, preallocate, sizeBytes: size });
    if ('failure' in outcome) throw systemError('cannot open', outcome.failure, { path });
    const { file } = outcome;
    try {
      if (size !== undefined && file.mappedBytes < size) {
        throw new PmemError('ERR_PMEM_TOO_SMALL', `the file has ${file.mappedBytes} bytes, ${size} were asked for`, { path });
      }
      const opened = new PmemFile(file);
      await opened.#recover(journal);
      await opened.#refreshKnown();
      return opened;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** The path with symbolic links resolved. */
  get path(): string {
    return this.#file.facts.path;
  }

  /** Bytes of the file as mapped; changes only by resize(). */
  get size(): number {
    return this.#size;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Fills `target` with the bytes at `position`, or throws; never returns bytes that the medium did not give.
   *
   * Throws MediaError (`ranges`: the pages that cannot be read; all other bytes of `target` are as in the file),
   * ERR_PMEM_LOST (a repair could not bring these bytes back), ERR_PMEM_TRUNCATED, ERR_PMEM_NO_SPACE (a hole on a full
   * tmpfs), ERR_PMEM_CLOSED. The file is never changed. Truncation by somebody else is noticed by whole pages only: the
   * kernel maps the rest of the last page as zeros.
   */
  read(target: Uint8Array, position: number): void {
    this.#check('target', target, position);
    if (this.#hazards.clear) {
      const fault = this.#file.read(target, position);
      if (fault !== undefined) this.#io.read(target, position, fault);
    } else {
      this.#io.read(target, position);
    }
  }

  /**
   * Stores `source` at `position`. Durable only after persist().
   *
   * Throws MediaError (the content of its `ranges` is unknown, every other byte was stored), ERR_PMEM_TRUNCATED or
   * ERR_PMEM_NO_SPACE (likewise), ERR_PMEM_LOCKED (a repair holds the range) or ERR_PMEM_READ_ONLY (nothing stored).
   */
  write(source: Uint8Array, position: number): void {
    this.#check('source', source, position);
    if (this.#file.facts.readOnly) {
      throw new PmemError('ERR_PMEM_READ_ONLY', 'the file was opened read-only', { path: this.path });
    }
    if (this.#hazards.clear) {
      const fault = this.#file.write(source, position);
      if (fault !== undefined) this.#io.write(source, position, fault);
    } else {
      this.#io.write(source, position);
    }
  }

  /**
   * Makes every store to the range survive power loss; it is durable when persist() returns. Default: the whole file.
   *
   * With MAP_SYNC this is a cache-line flush and takes no system call. Otherwise it is msync(2) on this thread, like
   * fs.fdatasyncSync: use persistAsync() to keep it off the event loop. `info().persistMethod` says which.
   *
   * Throws MediaError where the range holds bad pages: stores to its `ranges` are lost, known bad pages are not touched,
   * and where `source` is `known` everything else in the range is durable. After ERR_PMEM_TRUNCATED, ERR_PMEM_IO or
   * another source nothing in the range may be assumed durable. Where stores
   * covered bytes that a repair had lost, the repair journal is updated too: ERR_PMEM_LOCKED or ERR_PMEM_JOURNAL mean
   * the bytes are durable, but the next open() still reports them lost; call persist() again.
   */
  persist(position = 0, length: number = this.#size - position): void {
    if (this.#checkPersist(position, length)) return;
    const asked: ByteRange = { offset: position, length };
    for (const range of this.#io.persistable(asked)) {
      this.#io.requirePersisted(range, this.#file.persist(range.offset, range.length));
    }
    dropPersistedTombstones(this.#file, this.#hazards, asked);
    this.#io.requireNothingBad(asked);
  }

  /** persist() off the main thread; the same errors, as rejections. */
  async persistAsync(position = 0, length: number = this.#size - position): Promise<void> {
    if (this.#checkPersist(position, length)) return;
    const asked: ByteRange = { offset: position, length };
    for (const range of this.#io.persistable(asked)) {
      this.#io.requirePersisted(range, await this.#file.persistAsync(range.offset, range.length));
      this.#assertOpen();
    }
    dropPersistedTombstones(this.#file, this.#hazards, asked);
    this.#io.requireNothingBad(asked);
  }

  /**
   * Reads all of `range` (default: the whole file) that still can be read: pieces of bytes, and gaps with a reason.
   * Throws only for bad arguments and ERR_PMEM_CLOSED. Changes nothing. Between megabytes the event loop gets its turn;
   * what a resize() cuts off meanwhile is a gap, `truncated`.
   */
  async salvage(range?: ByteRange): Promise<Salvage> {
    this.#assertOpen();
    const asked = this.#rangeOrWhole(range);
    return salvageRange(this.#file, this.#hazards, asked, () => {
      this.#assertOpen();
    });
  }

  /**
   * Asks the kernel which blocks of this file it knows to be bad: its list for the device, intersected with FIEMAP.
   * Touches no data and needs no privilege. `unsupported` means that nobody can tell, not that the file is healthy;
   * `none` does not exclude errors that nobody has met yet (see scrub()). Ranges are whole blocks clipped to the file.
   */
  async badBlocks(): Promise<BadBlockReport> {
    this.#assertOpen();
    return reportOf(await this.#refreshKnown());
  }

  /**
   * Reads the range by pread(2), off the main thread, to find media errors before anybody needs the bytes. Known ones
   * are reported, not read again. Throws ERR_PMEM_TRUNCATED, ERR_PMEM_IO, ERR_PMEM_CLOSED, or the signal's reason.
   */
  async scrub(options: ScrubOptions = {}): Promise<ScrubReport> {
    this.#assertOpen();
    const { signal, onProgress } = options;
    requireFunction('onProgress', onProgress);
    const range = this.#rangeOrWhole(options.range);
    const report = await scrubRange(this.#file, this.#hazards, { range, signal, onProgress }, () => {
      this.#assertOpen();
    });
    if (report.found.length > 0) this.#io.mediaError('scrub', 'errno', report.found);
    return report;
  }

  /**
   * Makes the repair units that `ranges` touch usable again, without privilege, and verifies it: salvages what they
   * hold, takes lost bytes from `rebuild` or `fill`, and writes whole units. With neither, lost bytes are tombstoned:
   * they read as ERR_PMEM_LOST until they are written and persisted, also after a restart. Healthy units are left
   * alone, so calling it twice is safe. Repairs of one file run one after the other.
   *
   * Throws RepairError where a unit could not be repaired or `rebuild` failed: such units stay with the file and stay
   * known to be bad, units of earlier batches stay repaired. ERR_PMEM_LOCKED: another process is repairing, or this is
   * a repair inside a `rebuild` of the same file. ERR_PMEM_JOURNAL, ERR_PMEM_READ_ONLY, ERR_PMEM_CLOSED, the signal's
   * reason: nothing further was touched. While it runs, stores to its units throw ERR_PMEM_LOCKED.
   */
  async repair(ranges: ByteRange | readonly ByteRange[], options: RepairOptions = {}): Promise<RepairReceipt> {
    this.#assertOpen();
    const asked = Array.isArray(ranges) ? (ranges as readonly ByteRange[]) : [ranges as ByteRange];
    for (const [i, range] of asked.entries()) requireRange(`ranges[${i}]`, range, this.#size);
    const list = coalesce(asked);
    const request = repairRequest(options);
    if (this.#file.facts.readOnly) {
      throw new PmemError('ERR_PMEM_READ_ONLY', 'the file was opened read-only', { path: this.path, ranges: list });
    }
    const around = repairing.getStore() ?? [];
    if (around.includes(this)) {
      throw new PmemError('ERR_PMEM_LOCKED', 'repair() was called from inside rebuild of the same file', {
        path: this.path,
        ranges: list,
      });
    }
    if (list.length === 0) return { units: [] };
    const run = (): Promise<RepairReceipt> => {
      this.#assertOpen();
      const context = { file: this.#file, hazards: this.#hazards, sizeBytes: this.#size, assertOpen: () => { this.#assertOpen(); } };
      return repairing.run([...around, this], () => repairRanges(context, list, request));
    };
    this.#pendingRepairs++;
    const receipt = this.#repairs.then(run, run).finally(() => {
      this.#pendingRepairs--;
    });
    this.#repairs = receipt.catch(() => undefined);
    const result = await receipt;
    publishRepair({ path: this.path, receipt: result });
    return result;
  }

  /** What is known of the file and of the machine under it: how persist() persists, what repair() can do. */
  info(): FileInfo {
    return fileInfo(this.#file.facts, this.#size);
  }

  /**
   * Changes the size of the file and of the mapping, in bytes. New bytes are zeros. With `preallocate`, blocks for
   * them are allocated now.
   *
   * Throws MediaError, with nothing changed, where the page that the old or the new end falls into is known to be bad
   * (some kernels damage the filesystem's state there: repair it first), or where bad blocks would be cut off on a
   * device that may not clear them: whoever gets them next would inherit the poison, and XFS shuts down then.
   * `allowRelease` accepts the latter. Also ERR_PMEM_LOCKED while a repair runs, ERR_PMEM_NO_SPACE,
   * ERR_PMEM_READ_ONLY, ERR_PMEM_IO. `size` tells what is mapped afterwards.
   */
  async resize(size: number, options: ResizeOptions = {}): Promise<void> {
    this.#assertOpen();
    requireInteger('size', size);
    requireBoolean('preallocate', options.preallocate);
    requireBoolean('allowRelease', options.allowRelease);
    if (this.#file.facts.readOnly) {
      throw new PmemError('ERR_PMEM_READ_ONLY', 'the file was opened read-only', { path: this.path });
    }
    const answer = await this.#refreshKnown();
    this.#assertOpen();
    if (this.#pendingRepairs > 0) {
      throw new PmemError('ERR_PMEM_LOCKED', 'cannot resize while a repair runs', { path: this.path });
    }
    this.#refuseBadCuts(size, answer, options.allowRelease ?? false);
    const failure = await this.#file.resize(size, options.preallocate ?? false);
    this.#size = this.#file.mappedBytes;
    if (failure !== undefined) throw systemError(`cannot resize to ${size} bytes`, failure, { path: this.path });
    const hadTombstones = this.#hazards.journaledTombstones.length > 0 || this.#hazards.unfinished.length > 0;
    this.#hazards.clip(this.#size);
    if (hadTombstones) {
      const unstored = await storeJournal(this.#file, this.#hazards.unfinished, this.#hazards.journaledTombstones);
      if (unstored !== undefined) throw journalError(this.#file, unstored);
    }
    this.#assertOpen();
    await this.#refreshKnown();
  }

  /**
   * Unmaps and closes, after the calls in flight; a second close() does nothing. Nothing is persisted, except bytes
   * that were written over a tombstone, so that the next open() does not report them lost. A repair still running
   * stops at its next step; the next open() finishes it.
   */
  async close(): Promise<void> {
    if (this.#closed) return;
    let unsaved: unknown;
    try {
      for (const range of this.#hazards.overwritten) this.persist(range.offset, range.length);
    } catch (error) {
      unsaved = error;
    }
    this.#closed = true;
    const failure = await this.#file.close();
    if (failure !== undefined) throw systemError('cannot close', failure, { path: this.path });
    if (unsaved instanceof Error) throw unsaved;
  }

  /** `await using file = …` closes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The default, the whole file, may be empty; what somebody asks for may not. */
  #rangeOrWhole(range: ByteRange | undefined): ByteRange {
    if (range === undefined) return this.#wholeFile();
    requireRange('range', range, this.#size);
    return range;
  }

  #wholeFile(): ByteRange {
    return { offset: 0, length: this.#size };
  }

  #assertOpen(): void {
    if (this.#closed) throw new PmemError('ERR_PMEM_CLOSED', 'the file is closed', { path: this.path });
  }

  /** One comparison chain on the hot path; the words for what is wrong are found after something is. */
  #check(name: string, bytes: Uint8Array, position: number): void {
    if (
      !this.#closed &&
      bytes instanceof Uint8Array &&
      bytes.byteLength > 0 &&
      Number.isSafeInteger(position) &&
      position >= 0 &&
      position <= this.#size - bytes.byteLength
    ) {
      return;
    }
    this.#assertOpen();
    requireBytes(name, bytes);
    requireInside(position, bytes.byteLength, this.#size);
  }

  /** True where there is nothing to do: an empty file. */
  #checkPersist(position: number, length: number): boolean {
    this.#assertOpen();
    requireInteger('position', position);
    if (this.#size === 0 && position === 0 && length === 0) return true;
    requireInside(position, length, this.#size);
    return false;
  }

  async #recover(mode: 'require' | 'discard'): Promise<void> {
    try {
      this.#size = await recoverJournal(this.#file, this.#hazards);
    } catch (error) {
      const unusable = error instanceof PmemError && error.code === 'ERR_PMEM_JOURNAL';
      // A file that open() has just created cannot be the one that an old journal of this name speaks of.
      if (!unusable || (mode === 'require' && !this.#file.facts.created)) throw error;
      const failure = await this.#file.removeJournal();
      if (failure !== undefined) throw journalError(this.#file, failure);
    }
  }

  async #refreshKnown(): Promise<FileBadBlocks> {
    const whole = this.#wholeFile();
    const answer = await queryBadBlocks(this.#file, whole);
    if (answer.supported) {
      // Unwritten blocks read as zeros that touch no media: they are reported, but may be read.
      this.#hazards.replaceListed(whole, answer.blocks.filter((block) => !block.unwritten));
    }
    return answer;
  }

  /** Bad pages that an end falls into, and bad blocks that nobody should get from us. */
  #refuseBadCuts(newSize: number, answer: FileBadBlocks, allowRelease: boolean): void {
    const { facts } = this.#file;
    const whole = this.#wholeFile();
    const bad = [...this.#hazards.knownBadWithin(whole), ...(answer.supported ? answer.blocks : [])];
    const unitBytes = repairUnitBytes(facts);
    const cut = [this.#size, newSize]
      .filter((end) => end % unitBytes !== 0)
      .map((end) => alignOut({ offset: end, length: 1 }, unitBytes));
    if (newSize < this.#size && !allowRelease && facts.dax && clearAbility(facts) !== 'yes') {
      cut.push(rangeBetween(newSize, this.#size));
    }
    const refused = intersectAll(bad, cut);
    if (refused.length > 0) throw this.#io.mediaError('resize', 'known', refused);
  }
}
