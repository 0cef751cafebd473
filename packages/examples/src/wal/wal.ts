import type { FileClaim } from '@safe-pmem/core';
import { randomId } from '../random-id.js';
import { plainBytes } from './append/plain-bytes.js';
import type { Committer, CommitterStart, PointChange } from './commit/committer.js';
import { withoutRecords } from './commit/drop-records.js';
import { refreshHeaders } from './commit/header-copies.js';
import type { Engine } from './engine.js';
import { startEngine } from './engine.js';
import { SEQUENCE_MAX } from './format/format.js';
import type { LogHeader } from './format/header-page.js';
import type { LogFile } from './log-files.js';
import { checkOptions, requireSequence } from './open/check-options.js';
import { eraseEveryPage } from './open/recover.js';
import type { ClaimedLog } from './open/start-log.js';
import { firstPoint, startLog } from './open/start-log.js';
import type { LogFiles } from './read/read-pages.js';
import type { ReplayItem, ReplayOptions } from './read/replay.js';
import { Replays } from './read/replays.js';
import type { WalRepairReport } from './repair/repair-pages.js';
import type { WalRepairOptions } from './repair/repair-queue.js';
import type { WalScrubOptions } from './repair/scrub-log.js';
import type { WalWatch, WalWatchOptions } from './repair/watch-log.js';
import { watchLog } from './repair/watch-log.js';
import type { WalErrorCode } from './wal-error.js';
import { WalError } from './wal-error.js';
import type { CommitResult, WalOptions } from './wal-options.js';

/**
 * A write-ahead log in one file, or in two that mirror each other. Every committed record is returned intact or
 * reported lost by its sequence number; never neither, never wrong.
 *
 * One writer: a log is open for writing once at a time, in one thread of one process; open() refuses a second one.
 * Replays may run beside the writer; they see what was committed when they began.
 */
export class Wal {
  #place: LogFiles;
  #header: LogHeader;
  /** Undefined if every copy of the commit point is lost. */
  #engine: Engine | undefined;
  readonly #readOnly: boolean;
  readonly #blockMs: number;
  readonly #claim: FileClaim | undefined;
  readonly #watches: WalWatch[] = [];
  readonly #replays = new Replays();
  #repairing = false;
  #closed = false;

  private constructor(started: ClaimedLog, readOnly: boolean, blockMs: number) {
    const { place, header, point, tail, writeOffset, behind, claim } = started;
    this.#claim = claim;
    this.#place = place;
    this.#header = header;
    this.#readOnly = readOnly;
    this.#blockMs = blockMs;
    this.#engine = point === undefined ? undefined : this.#newEngine({ point, writeOffset, tail, behind });
  }

  /**
   * Opens the log and recovers it: finds the commit point in force, erases what an interrupted commit left after it,
   * and renews header copies that missed it. It repairs nothing: damaged pages stay as they are until repair(). But if
   * one file was cut off and the other one is whole, the first gets its length and its pages back. A new log stores
   * zeros in all of its pages first, so that no later store meets a hole.
   *
   * Throws WalError and changes nothing: ERR_WAL_NOT_FORMATTED (zeros, and no `create`), ERR_WAL_FOREIGN (not a log),
   * ERR_WAL_UNREADABLE (no header copy and no page of a log can be read, or they contradict each other),
   * ERR_WAL_VERSION, ERR_WAL_SIZE (no file is as long as the log), ERR_WAL_MIRROR_MISSING (the log has one),
   * ERR_WAL_MIRROR_STALE (the two files are not a pair), ERR_WAL_READ_ONLY; a PmemError: ERR_PMEM_LOCKED (another log,
   * in this process or in another one, writes to these files), ERR_PMEM_NOT_SUPPORTED (their filesystem has no locks,
   * so nothing can tell). Throws MediaError if a new log's header cannot be stored anywhere, and ERR_PMEM_NO_SPACE if
   * its file has holes that the filesystem cannot fill; the file is no log then.
   */
  static async open(options: WalOptions): Promise<Wal> {
    checkOptions(options);
    const { file, mirror, create = false, readOnly = false, attachMirror = false, detachMirror = false } = options;
    const { firstSequence = 1, blockMs = 1 } = options;
    requireSequence('firstSequence', firstSequence);
    if (!(blockMs >= 0)) throw new RangeError(`blockMs must be at least 0, got ${String(blockMs)}`);
    const intent = { create, readOnly, attachMirror, detachMirror, firstSequence };
    const started = await startLog(file, mirror, intent);
    const wal = new Wal(started, readOnly, blockMs);
    if (started.wasShort && !wal.commitPointLost) await wal.#refill();
    return wal;
  }

  /** Path of the file, or of the first of the two. */
  get path(): string {
    return (this.#place.logFiles[0] as LogFile).file.path;
  }

  /** Pages of the log, header copies included. Its file may be longer. */
  get pageCount(): number {
    return this.#header.pageCount;
  }

  /** The oldest record that was not dropped; undefined if the commit point is lost. */
  get firstSequence(): number | undefined {
    return this.#engine?.committer.point.firstSequence;
  }

  /**
   * The last committed record, one less than `firstSequence` if there is none; undefined if the commit point is lost.
   */
  get lastSequence(): number | undefined {
    return this.#engine?.committer.point.lastSequence;
  }

  /** The number that the next append() returns; undefined if the commit point is lost. */
  get nextSequence(): number | undefined {
    if (this.#engine === undefined) return undefined;
    const { point, pending } = this.#engine.committer;
    return point.lastSequence + pending.count + 1;
  }

  /** True while the log is readable only, because every copy of its commit point is lost. See reset(). */
  get commitPointLost(): boolean {
    return this.#engine === undefined;
  }

  /** Pages that repair() could not make usable, by file position; new records are laid out around them. */
  get unusablePages(): readonly number[] {
    return this.#engine?.repairs.refused ?? [];
  }

  /**
   * Takes a record, of any length from 0, and returns its sequence number. It is copied and held in memory: nothing
   * is stored, and nothing can fail for the medium's sake, before commit().
   *
   * Throws ERR_WAL_FULL (it fits once truncate() has made room) or ERR_WAL_TOO_LARGE (never), with nothing changed.
   */
  append(payload: Uint8Array): number {
    return this.#append(this.#appendable().committer, payload);
  }

  #append({ point, pending }: Committer, payload: Uint8Array): number {
    const bytes = plainBytes(payload);
    const sequence = point.lastSequence + pending.count + 1;
    if (sequence > SEQUENCE_MAX) throw this.#error('ERR_WAL_FULL', 'no sequence number is left: begin a new log');
    pending.add(sequence, bytes, point.headPage);
    return sequence;
  }

  /**
   * Makes all records appended so far durable, all or none, and blocks until they are.
   *
   * Throws MediaError if a page refuses the bytes: nothing is committed, and the records are still there; call
   * repair(), then commit() again. ERR_PMEM_NO_SPACE, ERR_PMEM_TRUNCATED, ERR_PMEM_LOCKED and ERR_WAL_BUSY (a repair
   * holds the page), and ERR_WAL_FULL (pages have become unusable since append()) leave it like that too. After any
   * other error of the files it is unknown what is durable: the log throws ERR_WAL_FAILED from then on; close it and
   * open it again.
   */
  commit(): CommitResult {
    return this.#writable().committer.commit();
  }

  /**
   * Does what commit() does, for many writers: all calls before it begins share one commit point, and if files persist
   * by a system call the event loop stays free. A page that refuses the bytes is repaired, and the commit tried again.
   *
   * Rejects with what commit() throws. The records are still there then, and part of the next commit of any kind.
   */
  async commitAsync(): Promise<CommitResult> {
    return this.#appendable().groups.commitSoon();
  }

  /** append(), then commitAsync(): the record is durable when the promise gives its sequence number. */
  appendDurable(payload: Uint8Array): Promise<number> {
    // Not async: a caller would be woken by way of two more turns of the queue of promises.
    try {
      const { committer, groups } = this.#appendable();
      return groups.recordSoon(this.#append(committer, payload));
    } catch (error) {
      return rejected(error);
    }
  }

  /**
   * Yields every committed record in order, and in the place of those that cannot be returned their exact sequence
   * numbers. It reads what was committed when it began, takes each page from the file that has it, and repairs nothing.
   *
   * `from` leaves out what is older; the pages of those records are not read.
   *
   * If the commit point is lost it ends with a loss that has no `last`: it is unknown how many records there were.
   * Throws ERR_WAL_CLOSED, and what the files throw other than damage.
   */
  async *replay({ from = 1 }: ReplayOptions = {}): AsyncGenerator<ReplayItem, void, undefined> {
    this.#requireOpen();
    requireSequence('from', from);
    const requireOpen = (): void => {
      this.#requireOpen();
    };
    yield* this.#replays.replay(from, { place: this.#place, committer: this.#engine?.committer, requireOpen });
  }

  /**
   * Drops every record up to and including `through`, durably, and frees their pages. A checkpoint calls this after its
   * image holds them. After a crash either the old or the new beginning is in force. Records not yet committed are not
   * concerned.
   *
   * Throws RangeError if `through` is not a committed record, ERR_WAL_BUSY while a replay runs, and MediaError
   * if no header copy takes the change; nothing is dropped then.
   */
  truncate(through: number): CommitResult {
    const { committer } = this.#writable();
    return committer.advance(this.#withoutRecords(through, committer));
  }

  /**
   * Does what truncate() does, after the commits that were asked for before; the event loop stays free if files persist
   * by a system call that takes long. A header copy that refuses the change is repaired.
   *
   * Rejects with what truncate() throws. A replay that begins meanwhile waits for it.
   */
  async truncateAsync(through: number): Promise<CommitResult> {
    const { committer, groups } = this.#appendable();
    return groups.advanceSoon(this.#withoutRecords(through, committer));
  }

  /**
   * Repairs every damaged page of both files. Header pages and the page being filled come back from memory, other pages
   * from the other file, provided that its bytes verify; pages without committed records are emptied. Pages that
   * neither memory nor a file has become writable, and their records stay reported lost, except those that `rebuild`
   * returns: they are put back where they were. It has to return whole records that agree with what is left of them.
   *
   * Appends, commits and truncations go on meanwhile: records are laid out around a page under repair, and a header
   * copy under repair is `missing` until it is back. (On filesystems whose blocks hold several pages commit() and
   * truncate() throw ERR_WAL_BUSY instead, and commitAsync() waits.)
   *
   * Never throws for a page that the medium refuses for good: it is listed in `failed`, and the log goes on around
   * it. Throws ERR_WAL_BUSY while another repair() runs, and what `rebuild` throws.
   */
  async repair(options: WalRepairOptions = {}): Promise<WalRepairReport> {
    const { repairs } = this.#appendable();
    return this.#alone(() => repairs.repairAll(options));
  }

  /**
   * Goes once over all pages of both files, no faster than `bytesPerSecond`: finds media errors before a reader needs
   * the bytes, verifies committed pages, and repairs what is damaged as repair() does. Meant to run in the background,
   * again and again; everything else goes on beside it.
   *
   * Throws RangeError for a bad rate, the signal's reason, and what repair() throws.
   */
  async scrub(options: WalScrubOptions = {}): Promise<WalRepairReport> {
    return this.#appendable().repairs.scrub(options);
  }

  /**
   * Repairs pages of both files as soon as the kernel lists them as bad, from the other file, before they are read.
   * Those that it lists already come first. Resolves when the watch is in force. It costs nothing while nothing
   * happens, keeps no process alive, and ends with close().
   *
   * Throws ERR_PMEM_NOT_SUPPORTED if a file's device has no list that can be watched, and the signal's reason.
   */
  async watch(options: WalWatchOptions = {}): Promise<WalWatch> {
    const { repairs } = this.#appendable();
    const watch = await watchLog(this.#place.logFiles, (ranges) => repairs.repairRanges(ranges), options);
    if (this.#closed) watch.close();
    this.#watches.push(watch);
    return watch;
  }

  /**
   * Makes the log usable again after the commit point is lost: everything in it is dropped, and the next record gets
   * the number `nextSequence`. Replay first. A crash in the middle may leave files of which a new log has to be made.
   *
   * Throws TypeError if the commit point is not lost, ERR_WAL_BUSY while a replay runs, and MediaError if no header copy
   * can be stored.
   */
  async reset(nextSequence: number): Promise<WalRepairReport> {
    this.#requireWriter();
    if (this.#engine !== undefined) throw new TypeError('the commit point is not lost: use truncate()');
    requireSequence('nextSequence', nextSequence);
    this.#requireNoReplay();
    return this.#alone(async () => {
      eraseEveryPage(this.#place);
      this.#header = { ...this.#header, logId: randomId() };
      this.#place = { ...this.#place, logId: this.#header.logId };
      const point = firstPoint(this.#place.logFiles, nextSequence);
      this.#place = { ...this.#place, era: point.era };
      const engine = this.#newEngine({ point, writeOffset: 0, tail: undefined, behind: undefined });
      const report = await engine.repairs.repairAll();
      const { stored, missing } = refreshHeaders(this.#place.logFiles, this.#place.ring, this.#header, point);
      if (stored === 0) throw missing[0]?.cause;
      this.#engine = engine;
      return report;
    });
  }

  /**
   * Ends the use of the log. Records that were not committed are given up; the files stay open, and another log may use
   * them: at once, or after a repair that still runs has noticed.
   */
  close(): void {
    if (this.#closed) return;
    this.#engine?.committer.close();
    this.#engine?.groups.close(this.#error('ERR_WAL_CLOSED', 'the log is closed'));
    this.#closed = true;
    for (const watch of this.#watches.splice(0)) watch.close();
    const release = (): void => this.#claim?.release();
    if (this.#engine?.repairs.isRunning !== true) {
      release();
      return;
    }
    // A machine that loses power meanwhile, as a simulated one does, has no lock left to give back.
    this.#engine.repairs.ended().then(release).catch(() => undefined);
  }

  /** Returns the change of a commit point that drops the records up to and including `through`. */
  #withoutRecords(through: number, { pending }: Committer): PointChange {
    return (point) => {
      this.#requireNoReplay();
      return withoutRecords(this.#place, point, through, pending.start);
    };
  }

  /** Brings back, from the other file, the pages of a file that had been cut off. */
  async #refill(): Promise<void> {
    try {
      await this.repair();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #newEngine(start: CommitterStart): Engine {
    const requireWriter = (): void => {
      this.#requireWriter();
    };
    const site = { place: this.#place, header: this.#header, path: this.path };
    return startEngine({ ...site, blockMs: this.#blockMs, requireWriter }, start);
  }

  async #alone(repair: () => Promise<WalRepairReport>): Promise<WalRepairReport> {
    if (this.#repairing) throw this.#error('ERR_WAL_BUSY', 'a repair runs: wait for it');
    this.#repairing = true;
    try {
      return await repair();
    } finally {
      this.#repairing = false;
    }
  }

  #writable(): Engine {
    const engine = this.#appendable();
    const isBusy = engine.repairs.exclusive !== undefined;
    if (isBusy) throw this.#error('ERR_WAL_BUSY', 'a repair has to be alone: wait for it');
    return engine;
  }

  #appendable(): Engine {
    this.#requireWriter();
    if (this.#engine === undefined) {
      throw this.#error('ERR_WAL_COMMIT_POINT_LOST', 'no header copy is left: replay what there is, then reset()');
    }
    this.#engine.committer.requireSound();
    return this.#engine;
  }

  #requireWriter(): void {
    this.#requireOpen();
    if (this.#readOnly) throw this.#error('ERR_WAL_READ_ONLY', 'the log is open with readOnly: open it without');
  }

  #requireNoReplay(): void {
    if (!this.#replays.areRunning) return;
    throw this.#error('ERR_WAL_BUSY', 'a replay is reading the records: let it end first');
  }

  #requireOpen(): void {
    if (this.#closed) throw this.#error('ERR_WAL_CLOSED', 'the log is closed');
  }

  #error(code: WalErrorCode, message: string): WalError {
    return new WalError(code, this.path, message);
  }
}

// eslint-disable-next-line @typescript-eslint/require-await -- async makes a rejection of whatever was thrown
async function rejected(error: unknown): Promise<never> {
  throw error;
}
