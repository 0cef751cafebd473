import {
  ownOption, ownOptions, requireBoolean, requireFunction, requireInteger, requireRange, requireRate,
} from './arguments.js';
import { forgetHealthy } from './faults/ask-again.js';
import type { BadBlockReport, FileBadBlocks } from './rescue/bad-blocks.js';
import { refreshKnown, reportOf } from './rescue/bad-blocks.js';
import type { ByteRange } from './ranges/byte-range.js';
import { coalesce } from './ranges/byte-range.js';
import type { ResizeOptions } from './resize/resize.js';
import { resizeFile } from './resize/resize.js';
import type { Driver } from './driver/driver.js';
import { completeFile } from './driver/complete-file.js';
import { PmemError } from './errors/errors.js';
import { publishFailure } from './errors/events.js';
import type { FileInfo } from './opening/file-info.js';
import { fileInfo } from './opening/file-info.js';
import { MemoryAccess } from './access/memory-access.js';
import { OpenState } from './opening/open-state.js';
import type { OpenOptions } from './opening/open-options.js';
import { checkedOpenOptions, checkedPath } from './opening/open-options.js';
import { applyHugePages, hugePagesOf } from './opening/huge-pages.js';
import { recoverFile } from './opening/recover-file.js';
import type { RepairReceipt } from './repair/receipt.js';
import type { RepairOptions } from './repair/repair-options.js';
import { repairRequest } from './repair/repair-options.js';
import { RepairQueue } from './repair/repair-queue.js';
import { zeroRangeOf } from './repair/zero-range.js';
import type { Salvage, SalvageControl, SalvageOptions, SalvagePart, SalvageRequest } from './rescue/salvage.js';
import { salvageParts, salvageRange } from './rescue/salvage.js';
import type { SalvageCopy } from './rescue/salvage-copy.js';
import { copyParts } from './rescue/salvage-copy.js';
import type { ScrubOptions, ScrubReport } from './rescue/scrub.js';
import { scrubRange } from './rescue/scrub.js';
import { systemError } from './errors/system-error.js';
import type { FileWatch, WatchOptions } from './rescue/watch.js';
import type { WatchEvent } from './rescue/watch-event.js';
import { watchFile } from './rescue/watch.js';
import type { FileClaim } from './opening/writer-lock.js';
import { ClaimLock, lockWriter } from './opening/writer-lock.js';

/**
 * A file of persistent memory, mapped and safe: whatever the medium does becomes an error that names the bytes.
 *
 * Loads and stores are synchronous and run at memory speed; whatever may block in the kernel returns a promise.
 * Positions and lengths are bytes from the start of the file, need no alignment, and are at most 2^53 - 1.
 */
export class PmemFile extends MemoryAccess {
  readonly #state: OpenState;
  readonly #claims: ClaimLock;
  readonly #driver: Driver;
  readonly #repairs: RepairQueue;

  private constructor(state: OpenState, driver: Driver) {
    super(state);
    this.#state = state;
    this.#driver = driver;
    this.#claims = new ClaimLock(state.file);
    this.#repairs = new RepairQueue(state);
  }

  /**
   * Opens and maps `path`, finishes a repair that a crash cut off, and takes over the kernel's list of bad blocks.
   *
   * Throws TypeError/RangeError for bad options; ERR_PMEM_NOT_FOUND, ERR_PMEM_ACCESS, ERR_PMEM_NOT_A_FILE,
   * ERR_PMEM_NO_SPACE, ERR_PMEM_TOO_SMALL, ERR_PMEM_NOT_SUPPORTED or ERR_PMEM_IO, with the file as it was;
   * ERR_PMEM_JOURNAL where a repair journal cannot be trusted or replaced.
   */
  static async open(path: string, options: OpenOptions): Promise<PmemFile> {
    const checked = checkedOpenOptions(path, options);
    const { driver, create = false, size, readOnly = false, preallocate = false, exclusive = false, journal = 'require' } = checked;
    const outcome = await driver.open(path, { create, readOnly, preallocate, sizeBytes: size });
    if ('failure' in outcome) throw publishFailure(path, systemError('cannot open', outcome.failure, { path }));
    const file = completeFile(outcome.file);
    try {
      if (size !== undefined && file.mappedBytes < size) {
        throw new PmemError('ERR_PMEM_TOO_SMALL', `the file has ${file.mappedBytes} bytes, ${size} were asked for`, { path });
      }
      lockWriter(file, exclusive);
      applyHugePages(file, checked.hugePages);
      const state = new OpenState(file, driver.devices);
      await recoverFile(state, journal);
      await refreshKnown(file, state.unsafe, state.wholeFile());
      return new PmemFile(state, driver);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * Reads all of `range` (default: the whole file) that still can be read: pieces of bytes, and gaps with a reason.
   * Throws only for bad arguments and ERR_PMEM_CLOSED. Changes nothing. Between megabytes the event loop gets its turn;
   * what a resize() cuts off meanwhile is a gap, `truncated`. `control.signal` stops it there: its reason is thrown.
   */
  async salvage(range?: ByteRange, control: SalvageControl = {}): Promise<Salvage> {
    return salvageRange(this.#state.file, this.#state.unsafe, this.#salvageRequest(range, control));
  }

  /**
   * salvage() part by part: pieces of at most a megabyte and gaps, in ascending order, each byte in exactly one of them.
   * Memory does not grow with the file. Throws at the first part what salvage() throws.
   *
   * @example
   * for await (const part of file.salvageParts({ signal })) {
   *   if ('bytes' in part) await copy.write(part.bytes, 0, part.bytes.length, part.offset);
   *   else console.warn(`${part.length} bytes at ${part.offset} are missing: ${part.reason}`);
   * }
   */
  async *salvageParts(options: SalvageOptions = {}): AsyncGenerator<SalvagePart, void, undefined> {
    yield* salvageParts(this.#state.file, this.#state.unsafe, this.#salvageRequest(ownOption(options, 'range'), options));
  }

  /**
   * Salvages into a new file at `path` (mode 0600): byte 0 of it is the first of `range`. What cannot be read is lost there,
   * as after a repair: reads through PmemFile throw ERR_PMEM_LOST, also after a restart (other programs see zeros). The copy
   * is durable when this returns. Memory does not grow with the file, and the driver is that of this file.
   *
   * Throws ERR_PMEM_EXISTS if there is a file at `path` that is not empty, and ERR_PMEM_NO_SPACE, ERR_PMEM_ACCESS,
   * ERR_PMEM_NOT_SUPPORTED (no locks there), ERR_PMEM_JOURNAL, ERR_PMEM_IO of the copy; ERR_PMEM_CLOSED; the reason of the signal.
   * A copy that is cut off stays, and all of it is lost until it is written. This file is not changed.
   *
   * @example
   * const { gaps } = await file.salvageTo('/mnt/other/app.db', { onProgress });
   */
  async salvageTo(path: string, options: SalvageOptions = {}): Promise<SalvageCopy> {
    checkedPath(path);
    const request = this.#salvageRequest(ownOption(options, 'range'), options);
    return copyParts(this.#driver, path, request.range, salvageParts(this.#state.file, this.#state.unsafe, request));
  }

  /**
   * Asks the kernel which blocks of this file it knows to be bad: its list for the device, intersected with FIEMAP.
   * Touches no data and needs no privilege. `unsupported` means that nobody can tell, not that the file is healthy;
   * `none` does not exclude errors that no program has met yet, nor, unless `info().listsConsumedErrors` is `yes`,
   * those that one has met (see scrub()). Ranges are whole blocks clipped to the file.
   */
  async badBlocks(): Promise<BadBlockReport> {
    this.#state.assertOpen();
    forgetHealthy(this.#state.file, this.#state.unsafe, this.#state.wholeFile());
    return reportOf(await this.#refreshKnown());
  }

  /**
   * Reads the range by pread(2), off the main thread, to find media errors before anybody needs the bytes. Known ones
   * are reported, not read again. `bytesPerSecond` bounds what it takes of the medium's bandwidth. Throws
   * ERR_PMEM_TRUNCATED, ERR_PMEM_IO, ERR_PMEM_CLOSED, or the signal's reason.
   */
  async scrub(options: ScrubOptions = {}): Promise<ScrubReport> {
    this.#state.assertOpen();
    const bytesPerSecond = ownOption(options, 'bytesPerSecond');
    const onProgress = ownOption(options, 'onProgress');
    const asked = ownOption(options, 'signal');
    requireFunction('onProgress', onProgress);
    requireRate('bytesPerSecond', bytesPerSecond);
    const range = this.#rangeOrWhole(ownOption(options, 'range'));
    const { closing, file, unsafe, faultPath } = this.#state;
    const signal = asked === undefined ? closing : AbortSignal.any([asked, closing]);
    const report = await scrubRange(file, unsafe, { range, bytesPerSecond, signal, onProgress }, () => {
      this.#state.assertOpen();
    });
    if (report.found.length > 0) faultPath.mediaError('scrub', 'errno', report.found);
    return report;
  }

  /**
   * Makes the repair units that `ranges` touch usable again, without privilege, and verifies it: salvages what they
   * hold, takes lost bytes from `rebuild` or `fill`, and writes whole units. With neither, lost bytes stay lost:
   * they read as ERR_PMEM_LOST until they are written and persisted, also after a restart. Healthy units are left
   * alone, so calling it twice is safe. Repairs of one file run one after the other. If the machine or the process goes
   * down meanwhile, the next open() finishes what it can; units that `rebuild` alone could supply read as
   * ERR_PMEM_LOST, and are repaired once more (see `journalRebuilt`).
   *
   * Throws RepairError where a unit could not be repaired or `rebuild` failed: such units stay with the file and stay
   * known to be bad, units of earlier batches stay repaired. ERR_PMEM_LOCKED: another process is repairing, or this is
   * a repair inside a `rebuild` of the same file. ERR_PMEM_JOURNAL, ERR_PMEM_READ_ONLY, ERR_PMEM_CLOSED, the signal's
   * reason: nothing further was touched. While it runs, stores to its units throw ERR_PMEM_LOCKED.
   */
  async repair(ranges: ByteRange | readonly ByteRange[], options: RepairOptions = {}): Promise<RepairReceipt> {
    this.#state.assertOpen();
    const asked = Array.isArray(ranges) ? (ranges as readonly ByteRange[]) : [ranges as ByteRange];
    for (const [i, range] of asked.entries()) requireRange(`ranges[${i}]`, range, this.#state.sizeBytes);
    const list = coalesce(asked);
    const request = repairRequest(options);
    this.#state.assertWritable(list);
    return this.#repairs.run(list, request);
  }

  /**
   * Watches the kernel's list of bad blocks and calls `listener` when it changes for this file: media errors that a
   * patrol scrubber or another process met become known here before anything touches them, and clears are noticed
   * too. Resolves when the watch is in force and what is listed already is known; that is no event. Each event also
   * goes to WATCH_CHANNEL. Any number of watches cost the kernel one a device, run no timer, and keep no process
   * alive.
   *
   * A bus other than ACPI's does not list errors that a CPU meets. There the kernel is asked to announce lost memory of
   * mapped pages to this process (PR_MCE_KILL_EARLY, by a thread of its own): such bytes become known in the same way.
   * `announcements` of the result says whether it does. See docs/decisions/0024-lost-memory-is-announced.md.
   *
   * Throws ERR_PMEM_NOT_SUPPORTED if the list cannot be read or watched, ERR_PMEM_CLOSED, or the signal's reason.
   *
   * @example
   * await using watch = await file.watch(async (event) => {
   *   if (event.kind === 'new') await file.repair(event.ranges, { rebuild: fromReplica });
   * });
   */
  async watch(listener: (event: WatchEvent) => void, options: WatchOptions = {}): Promise<FileWatch> {
    this.#state.assertOpen();
    if (typeof listener !== 'function') throw new TypeError('listener must be a function');
    const signal = ownOption(options, 'signal');
    const site = { state: this.#state, devices: this.#state.devices, refresh: () => this.#refreshKnown() };
    return watchFile(site, listener, signal);
  }

  /** What is known of the file and of the machine under it: how persist() persists, what repair() can do. */
  info(): FileInfo {
    const { file, sizeBytes } = this.#state;
    return fileInfo(file.facts, { sizeBytes, zeroRange: zeroRangeOf(file), hugePages: hugePagesOf(file) });
  }

  /**
   * Claims the file for a writer that cannot share it, such as a storage engine. Any other claim of the same file is
   * refused until `release()`, close() or the end of the process: of this PmemFile, in this process and in others,
   * whatever name the file has there. Openers that claim nothing are not refused; `exclusive` of open() refuses those
   * too.
   *
   * Throws ERR_PMEM_LOCKED (claimed already), ERR_PMEM_NOT_SUPPORTED (the filesystem has no locks), ERR_PMEM_READ_ONLY
   * or ERR_PMEM_CLOSED. The file is as it was.
   *
   * @example
   * const claim = file.claim();
   * try {
   *   await useAlone(file);
   * } finally {
   *   claim.release();
   * }
   */
  claim(): FileClaim {
    this.#state.assertOpen();
    this.#state.assertWritable();
    return this.#claims.take();
  }

  /**
   * Changes the size of the file and of the mapping, in bytes. New bytes are zeros. With `preallocate`, blocks for
   * them are allocated now.
   *
   * Throws MediaError, with nothing changed, if the page that the old or the new end falls into is bad: known to be, or
   * pread cannot give it (the kernel zeroes the rest of that page; some damage the filesystem's state there, and all
   * from 5.19 on may oops after a machine check: repair it first). Likewise if known bad blocks would be cut off that the
   * device may not clear or the kernel holds back: the next file would inherit the poison, XFS shuts down then, and
   * ext4 oopses. `allowRelease` accepts the latter. Also ERR_PMEM_LOCKED while a repair runs, ERR_PMEM_NO_SPACE,
   * ERR_PMEM_READ_ONLY, ERR_PMEM_IO. `size` tells what is mapped afterwards.
   */
  async resize(size: number, options: ResizeOptions = {}): Promise<void> {
    this.#state.assertOpen();
    requireInteger('size', size);
    const own = ownOptions(options, ['preallocate', 'allowRelease']);
    requireBoolean('preallocate', own.preallocate);
    requireBoolean('allowRelease', own.allowRelease);
    this.#state.assertWritable();
    if (this.#repairs.isBusy) {
      throw new PmemError('ERR_PMEM_LOCKED', 'cannot resize while a repair runs', { path: this.path });
    }
    await resizeFile(this.#state, size, own);
  }

  /**
   * Unmaps and closes, after the calls in flight; a second close() does nothing. Nothing is persisted, except bytes
   * that were written over lost ones, so that the next open() does not report them lost. A repair still running
   * stops at its next step; the next open() finishes it.
   */
  async close(): Promise<void> {
    if (this.#state.closed) return;
    let unsaved: unknown;
    try {
      for (const range of this.#state.unsafe.overwritten) this.persist(range.offset, range.length);
    } catch (error) {
      unsaved = error;
    }
    this.#state.close();
    this.#claims.forget();
    this.releaseViews();
    const failure = await this.#state.file.close();
    if (failure !== undefined) throw systemError('cannot close', failure, { path: this.path });
    if (unsaved instanceof Error) throw unsaved;
  }

  /** `await using file = …` closes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #salvageRequest(range: ByteRange | undefined, control: SalvageControl): SalvageRequest {
    this.#state.assertOpen();
    const onProgress = ownOption(control, 'onProgress');
    requireFunction('onProgress', onProgress);
    const asked = this.#rangeOrWhole(range);
    try {
      this.#state.faultPath.refreshLosses(asked);
    } catch (error) {
      // A journal that cannot be read now: what is known to be lost is a gap.
      if (!(error instanceof PmemError)) throw error;
    }
    return {
      range: asked,
      signal: ownOption(control, 'signal'),
      onProgress,
      assertOpen: () => { this.#state.assertOpen(); },
    };
  }

  /** The default, the whole file, may be empty; what somebody asks for may not. */
  #rangeOrWhole(range: ByteRange | undefined): ByteRange {
    if (range === undefined) return this.#state.wholeFile();
    return requireRange('range', range, this.#state.sizeBytes);
  }

  #refreshKnown(): Promise<FileBadBlocks> {
    return refreshKnown(this.#state.file, this.#state.unsafe, this.#state.wholeFile());
  }
}
