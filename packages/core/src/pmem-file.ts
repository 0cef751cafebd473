import type { NumberReads } from './access/number-reads.js';
import { Numbers } from './access/numbers.js';
import { Durability } from './access/durability.js';
import { LoadsStores } from './access/loads-stores.js';
import { persistTogether } from './access/persist-ranges.js';
import type { PmemView } from './access/view.js';
import { Views } from './access/views.js';
import { ownOption } from './arguments.js';
import type { Driver } from './driver/driver.js';
import { isBranded, setBrand } from './errors/brand.js';
import { systemError } from './errors/system-error.js';
import { forgetHealthy } from './faults/ask-again.js';
import type { FileInfo } from './opening/file-info.js';
import { fileInfo } from './opening/file-info.js';
import { hugePagesOf } from './opening/huge-pages.js';
import { openFile } from './opening/open-file.js';
import type { OpenOptions } from './opening/open-options.js';
import { checkedPath } from './opening/open-options.js';
import type { OpenState } from './opening/open-state.js';
import type { FileClaim } from './opening/writer-lock.js';
import { ClaimLock } from './opening/writer-lock.js';
import type { ByteRange } from './ranges/byte-range.js';
import type { RepairReceipt } from './repair/receipt.js';
import type { RepairOptions } from './repair/types.js';
import { removeIfUnlinked } from './repair/journal/unlinked.js';
import { RepairQueue } from './repair/repair-queue.js';
import { zeroRangeOf } from './repair/zero-range.js';
import type { BadBlockReport, FileBadBlocks } from './rescue/bad-blocks.js';
import { reportOf } from './rescue/bad-blocks.js';
import { refreshKnown } from './rescue/refresh-known.js';
import type { Salvage, SalvageControl, SalvageOptions, SalvagePart } from './rescue/salvage.js';
import { salvageParts, salvageRange } from './rescue/salvage.js';
import type { SalvageCopy } from './rescue/salvage-copy.js';
import { copyParts } from './rescue/salvage-copy.js';
import { salvageRequest } from './rescue/salvage-request.js';
import type { ScrubOptions, ScrubReport } from './rescue/scrub.js';
import { scrubFile } from './rescue/scrub-file.js';
import type { FileWatch, WatchOptions } from './rescue/watch.js';
import { watchFile } from './rescue/watch.js';
import type { WatchEvent } from './rescue/watch-event.js';
import type { ResizeOptions } from './resize/resize.js';
import { resizeFile } from './resize/resize.js';

const PMEM_FILE = Symbol.for('@safe-pmem/core PmemFile');

/**
 * A file of persistent memory, mapped and safe: whatever the medium does becomes an error that names the bytes.
 *
 * Loads and stores are synchronous and run at memory speed; whatever may block in the kernel returns a promise.
 * Positions and lengths are bytes from the start of the file, need no alignment, and are at most 2^53 - 1. Wrong
 * arguments are TypeError or RangeError, and change nothing. Everything but `path`, `size`, `closed`, info() and
 * close() throws ERR_PMEM_CLOSED after close().
 *
 * @example
 * const file = await PmemFile.open('/mnt/pmem/app.db', { driver: nativeDriver(), create: true, size: 1 << 20 });
 * file.write(Buffer.from('hello'), 4096);
 * file.persist(4096, 5);
 * await file.close();
 */
export class PmemFile implements NumberReads {
  readonly #state: OpenState;
  readonly #driver: Driver;
  readonly #accesses: LoadsStores;
  readonly #numbers: Numbers;
  readonly #durability: Durability;
  readonly #views: Views;
  readonly #claims: ClaimLock;
  readonly #repairs: RepairQueue;
  #closed: Promise<void> | undefined;

  /**
   * Makes `instanceof` know the files of another copy of this package, too.
   *
   * @example
   * if (!(file instanceof PmemFile)) throw new TypeError('file must be a PmemFile');
   */
  static [Symbol.hasInstance](value: unknown): boolean {
    return isBranded(value, PMEM_FILE);
  }

  private constructor(state: OpenState, driver: Driver) {
    this.#state = state;
    this.#driver = driver;
    this.#accesses = new LoadsStores(state);
    this.#numbers = new Numbers(state, this.#accesses);
    this.#durability = new Durability(state);
    this.#views = new Views(state);
    this.#claims = new ClaimLock(state.file);
    this.#repairs = new RepairQueue(state);
  }

  /**
   * Opens and maps `path`, finishes a repair that a crash cut off, and takes over the kernel's list of bad blocks.
   *
   * Throws TypeError/RangeError for bad options; ERR_PMEM_NOT_FOUND, ERR_PMEM_ACCESS, ERR_PMEM_NOT_A_FILE,
   * ERR_PMEM_NO_SPACE, ERR_PMEM_TOO_SMALL, ERR_PMEM_LOCKED, ERR_PMEM_NOT_SUPPORTED or ERR_PMEM_IO, with the file as it
   * was; ERR_PMEM_JOURNAL if a repair journal cannot be trusted or replaced.
   *
   * @example
   * const file = await PmemFile.open('/mnt/pmem/app.db', { driver: nativeDriver(), create: true, size: 64 * 2 ** 20 });
   */
  static async open(path: string, options: OpenOptions): Promise<PmemFile> {
    const { state, driver } = await openFile(path, options);
    return new PmemFile(state, driver);
  }

  /**
   * The path with symbolic links resolved.
   *
   * @example
   * log.info(`opened ${file.path}`);
   */
  get path(): string {
    return this.#state.path;
  }

  /**
   * Bytes of the file as mapped; changes only by resize().
   *
   * @example
   * const last = file.readUInt8(file.size - 1);
   */
  get size(): number {
    return this.#state.sizeBytes;
  }

  /**
   * True once close() was called.
   *
   * @example
   * if (!file.closed) file.persist();
   */
  get closed(): boolean {
    return this.#state.closed;
  }

  /**
   * Fills `target` with the bytes at `position`, or throws; never returns bytes that the medium did not give.
   *
   * Throws MediaError (`ranges`: the pages that cannot be read; all other bytes of `target` are as in the file),
   * ERR_PMEM_LOST (a repair could not bring these bytes back), ERR_PMEM_TRUNCATED, ERR_PMEM_NO_SPACE (a hole on a full
   * tmpfs), ERR_PMEM_IO (the filesystem has shut down), ERR_PMEM_CLOSED. The file is never changed. A
   * truncation by another process is noticed to the byte: if the last byte read is 0, and the bytes after it in its
   * page do not show that the file still has it, the file is asked for its size, which is a system call.
   *
   * @example
   * const record = new Uint8Array(256);
   * file.read(record, 4096);
   */
  read(target: Uint8Array, position: number): void {
    this.#accesses.read(target, position);
  }

  /**
   * Stores `source` at `position`. Durable only after persist().
   *
   * Throws MediaError (the content of its `ranges` is unknown, every other byte was stored), ERR_PMEM_TRUNCATED,
   * ERR_PMEM_NO_SPACE or ERR_PMEM_IO (likewise), ERR_PMEM_LOCKED (a repair holds the range), ERR_PMEM_READ_ONLY or
   * ERR_PMEM_CLOSED (nothing stored).
   *
   * @example
   * file.write(record, 4096);
   * file.persist(4096, record.length);
   */
  write(source: Uint8Array, position: number): void {
    this.#accesses.write(source, position);
  }

  readUInt8(position: number): number { return this.#numbers.readUInt8(position); }
  readInt8(position: number): number { return this.#numbers.readInt8(position); }
  readUInt16LE(position: number): number { return this.#numbers.readUInt16LE(position); }
  readUInt16BE(position: number): number { return this.#numbers.readUInt16BE(position); }
  readInt16LE(position: number): number { return this.#numbers.readInt16LE(position); }
  readInt16BE(position: number): number { return this.#numbers.readInt16BE(position); }
  readUInt32LE(position: number): number { return this.#numbers.readUInt32LE(position); }
  readUInt32BE(position: number): number { return this.#numbers.readUInt32BE(position); }
  readInt32LE(position: number): number { return this.#numbers.readInt32LE(position); }
  readInt32BE(position: number): number { return this.#numbers.readInt32BE(position); }
  readBigUInt64LE(position: number): bigint { return this.#numbers.readBigUInt64LE(position); }
  readBigUInt64BE(position: number): bigint { return this.#numbers.readBigUInt64BE(position); }
  readBigInt64LE(position: number): bigint { return this.#numbers.readBigInt64LE(position); }
  readBigInt64BE(position: number): bigint { return this.#numbers.readBigInt64BE(position); }
  readFloatLE(position: number): number { return this.#numbers.readFloatLE(position); }
  readFloatBE(position: number): number { return this.#numbers.readFloatBE(position); }
  readDoubleLE(position: number): number { return this.#numbers.readDoubleLE(position); }
  readDoubleBE(position: number): number { return this.#numbers.readDoubleBE(position); }

  /**
   * write() and persist() of the same bytes in one call, durable when it returns. With MAP_SYNC, long ones go past the
   * CPU's caches, so that nothing has to be flushed from them.
   *
   * Throws what write() and persist() throw; after an error nothing of the range is durable for certain.
   *
   * @example
   * file.writeAndPersist(commitPoint, 0);
   */
  writeAndPersist(source: Uint8Array, position: number): void {
    this.#durability.writeAndPersist(source, position);
  }

  /**
   * Makes every store to the range survive power loss; it is durable when persist() returns. Default: the whole file.
   *
   * With MAP_SYNC this is a cache-line flush and takes no system call. Otherwise it is msync(2) on this thread, like
   * fs.fdatasyncSync: use persistAsync() to keep it off the event loop. `info().persistMethod` says which.
   *
   * Throws MediaError if the range holds bad pages: stores to its `ranges` are lost, known bad pages are not touched,
   * and if `source` is `known` everything else in the range is durable. After ERR_PMEM_TRUNCATED, ERR_PMEM_IO or
   * another source nothing in the range may be assumed durable, and after a failed msync nothing in the file that was
   * not persisted before: write it again. If stores covered bytes that a repair had lost, the repair journal is updated
   * too: ERR_PMEM_LOCKED or ERR_PMEM_JOURNAL mean the bytes are durable, but the next open() still reports them lost;
   * call persist() again.
   *
   * @example
   * file.persist(4096, 256);
   */
  persist(position?: number, length?: number): void {
    this.#durability.persist(position, length);
  }

  /**
   * persist() off the main thread; the same errors, as rejections. Stores after the call may not be durable when it
   * resolves, and what a resize() cuts off meanwhile is left out.
   *
   * @example
   * await file.persistAsync();
   */
  async persistAsync(position?: number, length?: number): Promise<void> {
    await this.#durability.persistAsync(position, length);
  }

  /**
   * persist() of many ranges together: one fence, or one msync from the first byte to the last. They are durable when
   * it returns, in no order among themselves. Throws as persist() does; the `ranges` of a MediaError are all that were
   * met.
   *
   * @example
   * file.persistRanges([{ offset: 0, length: 64 }, { offset: 8192, length: 300 }]);
   */
  persistRanges(ranges: readonly ByteRange[]): void {
    this.#durability.persistRanges(ranges);
  }

  /**
   * The bytes of `range` as a Uint8Array over a private mapping of the file: nothing is copied, and no store into it
   * reaches the file. Elements are loaded when they are read. An element that cannot be loaded reads as 0, and the view
   * is marked: call verify() before you believe anything that was read. See withView(). A view costs the process one
   * mapping until it is released or collected.
   *
   * Throws MediaError, ERR_PMEM_LOST if the range holds bytes that are known not to be readable; ERR_PMEM_CLOSED;
   * ERR_PMEM_TOO_MANY_VIEWS; ERR_PMEM_NOT_SUPPORTED if the runtime has no arrays over foreign memory (Electron);
   * ERR_PMEM_IO; RangeError for a range that is longer than the runtime's arrays (4 GiB on Node 20).
   *
   * @example
   * const view = file.view({ offset: 0, length: file.size });
   * const sum = crc32(view);
   * view.verify();
   * view.release();
   */
  view(range: ByteRange): PmemView {
    return this.#views.view(range);
  }

  /**
   * Calls `read` with a view of `range`, verifies the view, releases it, and returns the result of `read`. If a load
   * failed, the result (or error) of `read` is discarded and the MediaError is thrown. `read` has to be done when it
   * returns: keep no part of the view, and return no promise (TypeError). Throws what view() and verify() throw.
   *
   * @example
   * const header = file.withView({ offset: 0, length: 4096 }, (view) => parseHeader(view));
   */
  withView<Result>(range: ByteRange, read: (view: PmemView) => Result): Result {
    return this.#views.withView(range, read);
  }

  /**
   * Reads all of `range` (default: the whole file) that still can be read: pieces of bytes, and gaps with a reason.
   * Throws only for bad arguments and ERR_PMEM_CLOSED. Changes nothing. Between megabytes the event loop gets its turn;
   * what a resize() cuts off meanwhile is a gap, `truncated`. `control.signal` stops it there: its reason is thrown.
   *
   * @example
   * const { pieces, gaps } = await file.salvage({ offset: 0, length: 1 << 20 });
   */
  async salvage(range?: ByteRange, control: SalvageControl = {}): Promise<Salvage> {
    const { file, unsafe } = this.#state;
    return salvageRange(file, unsafe, salvageRequest(this.#state, range, control));
  }

  /**
   * salvage() part by part: pieces of at most a megabyte and gaps, in ascending order, each byte in exactly one of
   * them. Memory does not grow with the file. Throws at the first part what salvage() throws.
   *
   * @example
   * for await (const part of file.salvageParts({ signal })) {
   *   if ('bytes' in part) await copy.write(part.bytes, 0, part.bytes.length, part.offset);
   *   else console.warn(`${part.length} bytes at ${part.offset} are missing: ${part.reason}`);
   * }
   */
  async *salvageParts(options: SalvageOptions = {}): AsyncGenerator<SalvagePart, void, undefined> {
    const { file, unsafe } = this.#state;
    yield* salvageParts(file, unsafe, salvageRequest(this.#state, ownOption(options, 'range'), options));
  }

  /**
   * Salvages into a new file at `path` (mode 0600): byte 0 of it is the first of `range`. What cannot be read is lost
   * there, as after a repair: reads through PmemFile throw ERR_PMEM_LOST, also after a restart (other programs see
   * zeros). The copy is durable when this returns. Memory grows with the gaps, of which two million at most fit, not
   * with the file. The driver is that of this file.
   *
   * Throws ERR_PMEM_EXISTS if there is a file at `path` that is not empty, and ERR_PMEM_NO_SPACE, ERR_PMEM_ACCESS,
   * ERR_PMEM_NOT_SUPPORTED (no locks there), ERR_PMEM_JOURNAL (its journal cannot name one more gap), ERR_PMEM_IO of
   * the copy; ERR_PMEM_CLOSED; the reason of the signal. A copy that is cut off stays, and all of it is lost until it
   * is written. This file is not changed.
   *
   * @example
   * const { gaps } = await file.salvageTo('/mnt/other/app.db', { onProgress });
   */
  async salvageTo(path: string, options: SalvageOptions = {}): Promise<SalvageCopy> {
    checkedPath(path);
    const { file, unsafe } = this.#state;
    const request = salvageRequest(this.#state, ownOption(options, 'range'), options);
    return copyParts(this.#driver, path, request.range, salvageParts(file, unsafe, request));
  }

  /**
   * Asks the kernel which blocks of this file it knows to be bad: its list for the device, intersected with FIEMAP.
   * Touches no data and needs no privilege. `unsupported` means that this cannot be told, not that the file is healthy;
   * `none` does not exclude errors that no program has met yet, nor, unless `info().listsConsumedErrors` is `yes`,
   * those that one has met (see scrub()). Ranges are whole blocks clipped to the file. Throws ERR_PMEM_CLOSED.
   *
   * @example
   * const report = await file.badBlocks();
   * if (report.status === 'known') await file.repair(report.ranges, { rebuild });
   */
  async badBlocks(): Promise<BadBlockReport> {
    const { file, unsafe } = this.#state;
    this.#state.assertOpen();
    const whole = this.#state.wholeFile();
    forgetHealthy(file, unsafe, whole, unsafe.metWithin(whole));
    return reportOf(await this.#refreshKnown());
  }

  /**
   * Reads the range by pread(2), off the main thread, to find media errors before the application meets them. Known
   * ones are reported, not read again. `bytesPerSecond` bounds what it takes of the medium's bandwidth. The file is not
   * changed. What a resize() cuts off meanwhile is left out, and `range` of the report ends with the file. Throws
   * ERR_PMEM_TRUNCATED if another process has shortened the file, ERR_PMEM_IO, ERR_PMEM_CLOSED, or the signal's reason.
   *
   * @example
   * const { mediaErrors } = await file.scrub({ bytesPerSecond: 50e6 });
   */
  async scrub(options: ScrubOptions = {}): Promise<ScrubReport> {
    return scrubFile(this.#state, options);
  }

  /**
   * Makes the repair units that `ranges` touch usable again, without privilege, and verifies it: salvages what they
   * hold, takes lost bytes from `rebuild` or `fill`, and writes whole units (`info().repairUnitBytes`, aligned). With
   * neither, lost bytes stay lost: they read as ERR_PMEM_LOST until they are written and persisted, also after a
   * restart. Healthy units are left alone, so calling it twice is safe. Repairs and resizes of one file run one
   * after the other, and what a resize() has cut off before a repair begins is left out. If
   * the machine or the process goes down meanwhile, the next open() finishes what it can; units that `rebuild` alone
   * could supply read as ERR_PMEM_LOST, and are repaired once more (see `journalRebuilt`).
   *
   * Throws RepairError if a unit could not be repaired or `rebuild` failed: such units stay with the file and stay
   * known to be bad, units of earlier batches stay repaired. ERR_PMEM_LOCKED: another process is repairing, or this is
   * a repair inside a `rebuild` of the same file. ERR_PMEM_JOURNAL, ERR_PMEM_READ_ONLY, ERR_PMEM_CLOSED, the signal's
   * reason: nothing further was touched. While it runs, stores to its units throw ERR_PMEM_LOCKED.
   *
   * @example
   * const rebuild = ({ offset, length }) => replica.subarray(offset, offset + length);
   * const receipt = await file.repair(error.ranges, { rebuild });
   */
  async repair(ranges: ByteRange | readonly ByteRange[], options: RepairOptions = {}): Promise<RepairReceipt> {
    return this.#repairs.repair(ranges, options);
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

  /**
   * Says what is known of the file and of the machine under it: how persist() persists, what repair() can do.
   *
   * @example
   * const { dax, persistMethod, repairUnitBytes } = file.info();
   */
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
   * them are allocated now. Runs after the resizes that were asked for before, and before later repairs.
   *
   * Throws MediaError, with nothing changed, if the page that the old or the new end falls into is bad: known to be, or
   * pread cannot give it (the kernel zeroes the rest of that page; some damage the filesystem's state there, and all
   * from 5.19 on may oops after a machine check: repair it first). Likewise if known bad blocks would be cut off that
   * the device may not clear or the kernel holds back: the next file would inherit the poison, XFS shuts down then, and
   * ext4 oopses. `allowRelease` accepts the latter. Also ERR_PMEM_LOCKED while a repair runs, ERR_PMEM_NO_SPACE,
   * ERR_PMEM_READ_ONLY, ERR_PMEM_IO. `size` tells what is mapped afterwards. A preallocation that fails
   * cuts nothing off that others have appended meanwhile.
   *
   * @example
   * await file.resize(2 * file.size, { preallocate: true });
   */
  async resize(size: number, options: ResizeOptions = {}): Promise<void> {
    await resizeFile(this.#state, this.#repairs, size, options);
  }

  /**
   * Unmaps and closes, after the calls in flight; a second close() waits for that. Nothing is persisted, except bytes
   * that were written over lost ones, so that the next open() does not report them lost: the error of that persist is
   * thrown, with the file closed. ERR_PMEM_IO: close(2) failed. A repair still running stops at its next step; the next
   * open() finishes it.
   *
   * @example
   * await file.close();
   */
  async close(): Promise<void> {
    // The first call says what failed; after the others the file is closed as well.
    if (this.#closed !== undefined) return this.#closed.catch(() => undefined);
    this.#closed = this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    let unsaved: unknown;
    try {
      const { overwritten } = this.#state.unsafe;
      if (overwritten.length > 0) persistTogether(this.#state, overwritten);
      removeIfUnlinked(this.#state);
    } catch (error) {
      unsaved = error;
    }
    this.#state.close();
    this.#claims.forget();
    this.#views.releaseAll();
    const failure = await this.#state.file.close();
    if (failure !== undefined) throw systemError('cannot close', failure, { path: this.path });
    if (unsaved instanceof Error) throw unsaved;
  }

  /**
   * close(), for `await using`.
   *
   * @example
   * await using file = await PmemFile.open(path, { driver: nativeDriver() });
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #refreshKnown(): Promise<FileBadBlocks> {
    return refreshKnown(this.#state.file, this.#state.unsafe, this.#state.wholeFile());
  }
}

setBrand(PmemFile.prototype, PMEM_FILE);
// The bundler renames a class that mentions itself, and a runtime prints the name of a file's class.
Object.defineProperty(PmemFile, 'name', { value: 'PmemFile' });
