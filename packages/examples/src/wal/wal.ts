import { requireCommitPoint, storePages } from './commit-records.js';
import { refreshHeaders } from './header-copies.js';
import type { CommitPoint, LogHeader } from './header-page.js';
import type { Member } from './members.js';
import { damageReason } from './members.js';
import { PendingRecords } from './pending-records.js';
import type { LogPlace } from './read-pages.js';
import { firstSequenceIn, readBest } from './read-pages.js';
import { eraseEveryPage } from './recover.js';
import type { WalRepairReport } from './repair-log.js';
import { repairLog } from './repair-log.js';
import type { ReplayItem } from './replay.js';
import { assemble } from './replay.js';
import { lastPageBefore, limitIn, pageOf } from './ring.js';
import type { StartedLog } from './start-log.js';
import { firstPoint, randomId, startLog } from './start-log.js';
import { surveyPages } from './survey-pages.js';
import type { WalErrorCode } from './wal-error.js';
import { WalError } from './wal-error.js';
import type { CommitResult, WalOptions } from './wal-options.js';

/** Between this many items, replay() lets the event loop have its turn. */
const REPLAY_TURN = 1024;

/**
 * A write-ahead log in one file, or in two that mirror each other. Every committed record is returned intact or
 * reported lost by its sequence number; never neither, never wrong.
 *
 * One writer: a log may be open for writing once at a time, in one thread of one process, and nothing here enforces
 * it. Replays may run beside the writer; they see what was committed when they began.
 */
export class Wal {
  #place: LogPlace;
  #header: LogHeader;
  #point: CommitPoint | undefined;
  readonly #pending: PendingRecords;
  readonly #readOnly: boolean;
  #replays = 0;
  #repairing = false;
  #failure: unknown;
  #closed = false;

  private constructor({ place, header, point, tail, writeOffset }: StartedLog, readOnly: boolean) {
    this.#place = place;
    this.#header = header;
    this.#point = point;
    this.#pending = new PendingRecords(place.ring, (place.members[0] as Member).file.path, writeOffset, tail);
    this.#readOnly = readOnly;
  }

  /**
   * Opens the log and recovers it: finds the commit point in force, erases what an interrupted commit left behind it
   * and renews header copies that missed it. Nothing is repaired: damaged pages stay as they are until repair().
   *
   * Throws WalError and changes nothing: ERR_WAL_NOT_FORMATTED (zeros, and no `create`), ERR_WAL_FOREIGN (not a log),
   * ERR_WAL_UNREADABLE (nobody can tell: no header copy and no page of a log can be read), ERR_WAL_VERSION,
   * ERR_WAL_SIZE, ERR_WAL_MIRROR_MISSING (the log has one), ERR_WAL_MIRROR_STALE (the two files are not a pair),
   * ERR_WAL_READ_ONLY. Throws MediaError where a new log's header cannot be stored anywhere.
   */
  static async open(options: WalOptions): Promise<Wal> {
    const { file, mirror, create = false, readOnly = false, attachMirror = false, detachMirror = false } = options;
    return new Wal(await startLog(file, mirror, { create, readOnly, attachMirror, detachMirror }), readOnly);
  }

  /** The oldest record that was not dropped; undefined where the commit point is lost. */
  get firstSequence(): number | undefined {
    return this.#point?.firstSequence;
  }

  /** The last committed record, one less than `firstSequence` where there is none; undefined where nobody knows. */
  get lastSequence(): number | undefined {
    return this.#point?.lastSequence;
  }

  /** The number that the next append() returns; undefined where the commit point is lost. */
  get nextSequence(): number | undefined {
    return this.#point === undefined ? undefined : this.#point.lastSequence + this.#pending.count + 1;
  }

  /** True while the log is readable only, because every copy of its commit point is lost. See reset(). */
  get commitPointLost(): boolean {
    return this.#point === undefined;
  }

  /** Pages that repair() could not make usable, by file position; new records are laid out around them. */
  get unusablePages(): readonly number[] {
    return this.#pending.unusable;
  }

  /**
   * Takes a record, of any length from 0, and returns its sequence number. It is copied and held in memory: nothing
   * is stored, and nothing can fail for the medium's sake, before commit().
   *
   * Throws ERR_WAL_FULL (it fits once truncate() has made room) or ERR_WAL_TOO_LARGE (never), with nothing changed.
   */
  append(payload: Uint8Array): number {
    const point = this.#appendable();
    if (!(payload instanceof Uint8Array)) throw new TypeError('payload must be a Uint8Array');
    const sequence = point.lastSequence + this.#pending.count + 1;
    this.#pending.add(sequence, payload, point.headPage);
    return sequence;
  }

  /**
   * Makes all records appended so far durable, all or none, and blocks until they are.
   *
   * Throws MediaError where a page refuses: nothing is committed, the records are still there; call repair(), then
   * commit() again. ERR_PMEM_NO_SPACE, ERR_PMEM_TRUNCATED and ERR_WAL_FULL (pages have become unusable since append())
   * leave it like that too. After any other error of the files nobody knows what is durable: the log throws
   * ERR_WAL_FAILED from then on; open it anew.
   */
  commit(): CommitResult {
    const point = this.#writable();
    if (this.#pending.count === 0) return { lastSequence: point.lastSequence, missing: [] };
    const layout = this.#pending.layOut(this.#header.logId, point.headPage);
    const lastSequence = point.lastSequence + this.#pending.count;
    const result = this.#storing(() => {
      storePages(this.#place, layout);
      return this.#advance({ ...point, endOffset: layout.endOffset, lastSequence });
    });
    this.#pending.settle(layout);
    return result;
  }

  /**
   * Every committed record in order, and in the place of those that cannot be returned their exact sequence numbers.
   * It reads what was committed when it began, takes each page from the file that has it, and repairs nothing.
   *
   * Where the commit point is lost it ends with a loss that has no `last`: nobody knows how many records there were.
   * Throws ERR_WAL_CLOSED, and what the files throw other than damage.
   */
  async *replay(): AsyncGenerator<ReplayItem, void, undefined> {
    this.#requireOpen();
    const point = this.#point;
    const pages = point === undefined ? surveyPages(this.#place) : committedPages(this.#place, point);
    const bounds = { firstSequence: point?.firstSequence ?? 1, lastSequence: point?.lastSequence };
    this.#replays++;
    try {
      let items = 0;
      for (const item of assemble(pages, bounds)) {
        if (++items % REPLAY_TURN === 0) await new Promise(setImmediate);
        this.#requireOpen();
        yield item;
      }
    } finally {
      this.#replays--;
    }
  }

  /**
   * Drops every record up to and including `through`, durably, and frees their pages: what a checkpoint calls. After
   * a crash either the old or the new beginning is in force. Records not yet committed are not concerned.
   *
   * Throws RangeError where `through` is not a committed record, ERR_WAL_BUSY while a replay or a repair runs, and
   * MediaError where no header copy takes the change; nothing is dropped then.
   */
  truncate(through: number): CommitResult {
    const point = this.#writable();
    if (!Number.isSafeInteger(through) || through < point.firstSequence - 1 || through > point.lastSequence) {
      throw new RangeError(`through must be from ${point.firstSequence - 1} to ${point.lastSequence}, got ${through}`);
    }
    if (this.#replays > 0) throw this.#error('ERR_WAL_BUSY', 'a replay is reading the records');
    const endOffset = this.#pending.start;
    const headPage = through === point.lastSequence ? pageOf(endOffset) : this.#pageOfRecord(point, through + 1);
    const next = { ...point, headPage, firstSequence: through + 1, endOffset };
    return this.#storing(() => this.#advance(next));
  }

  /**
   * Repairs every damaged page of both files. Header pages and the page being filled come back from memory, other
   * pages from the other file, provided that its bytes verify; pages without committed records are emptied. Pages
   * that nobody has become writable, and their records stay reported lost.
   *
   * Never throws for a page that the medium refuses for good: it is listed in `failed`, and the log goes on around
   * it. Throws ERR_WAL_BUSY while another repair runs. append() may be called meanwhile; commit() and truncate()
   * throw ERR_WAL_BUSY.
   */
  async repair(): Promise<WalRepairReport> {
    const point = this.#writable();
    return this.#repair(point);
  }

  /**
   * Begins anew where the commit point is lost: everything in the log is dropped, and the next record gets the number
   * `nextSequence`. Replay first. A crash in the middle may leave files that have to be made anew.
   *
   * Throws TypeError where the commit point is not lost, and MediaError where no header copy can be stored.
   */
  async reset(nextSequence: number): Promise<WalRepairReport> {
    this.#requireWriter();
    if (this.#repairing) throw this.#error('ERR_WAL_BUSY', 'a repair runs');
    if (this.#point !== undefined) throw new TypeError('the commit point is not lost: use truncate()');
    if (!Number.isSafeInteger(nextSequence) || nextSequence < 1)
      throw new RangeError('nextSequence must be at least 1');
    eraseEveryPage(this.#place);
    this.#header = { ...this.#header, logId: randomId() };
    this.#place = { ...this.#place, logId: this.#header.logId };
    const point = firstPoint(this.#place.members, nextSequence);
    const report = await this.#repair(point);
    const { stored, missing } = refreshHeaders(this.#place.members, this.#place.ring, this.#header, point);
    if (stored === 0) throw missing[0]?.cause;
    this.#point = point;
    return report;
  }

  /** Ends the use of the log. Records that were not committed are given up; the files stay open. */
  close(): void {
    this.#closed = true;
    this.#pending.clear();
  }

  /** Stores the next commit point; it is in force once a copy has taken it. */
  #advance(next: CommitPoint): CommitResult {
    const point = { ...next, generation: next.generation + 1 };
    const { missing } = requireCommitPoint(this.#place, point);
    this.#point = point;
    return { lastSequence: point.lastSequence, missing };
  }

  /** A page that refuses leaves the log as it was; after anything else nobody knows what is durable. */
  #storing<Result>(action: () => Result): Result {
    try {
      return action();
    } catch (error) {
      if (damageReason(error) === undefined) this.#failure = error;
      throw error;
    }
  }

  async #repair(point: CommitPoint): Promise<WalRepairReport> {
    this.#repairing = true;
    try {
      await Promise.all(this.#place.members.map((member) => member.file.badBlocks()));
      const report = await repairLog({ place: this.#place, header: this.#header, point, tail: this.#pending.tail });
      const refused = report.failed.map(({ range }) => range.offset);
      this.#pending.setUnusable(refused.filter((offset) => !this.#place.ring.headerPositions.includes(offset)));
      return report;
    } finally {
      this.#repairing = false;
    }
  }

  /** The last page that is certain to begin no later than record `sequence`. */
  #pageOfRecord(point: CommitPoint, sequence: number): number {
    let found = point.headPage;
    for (let page = point.headPage; page <= lastPageBefore(point.endOffset); page++) {
      const first = firstSequenceIn(this.#place, page);
      if (first !== undefined && first >= sequence) break;
      if (first !== undefined) found = page;
    }
    const next = readBest(this.#place, found + 1, limitIn(found + 1, point.endOffset)).best.parsed.fragments[0];
    return next?.sequence === sequence && next.offset === 0 ? found + 1 : found;
  }

  #writable(): CommitPoint {
    if (this.#repairing) throw this.#error('ERR_WAL_BUSY', 'a repair runs');
    return this.#appendable();
  }

  #appendable(): CommitPoint {
    this.#requireWriter();
    if (this.#point === undefined) {
      throw this.#error('ERR_WAL_COMMIT_POINT_LOST', 'no header copy is left: replay what there is, then reset()');
    }
    return this.#point;
  }

  #requireWriter(): void {
    this.#requireOpen();
    if (this.#readOnly) throw this.#error('ERR_WAL_READ_ONLY', 'the log was opened read-only');
    if (this.#failure !== undefined) {
      throw this.#error('ERR_WAL_FAILED', 'an earlier error left the state of the files unknown', this.#failure);
    }
  }

  #requireOpen(): void {
    if (this.#closed) throw this.#error('ERR_WAL_CLOSED', 'the log is closed');
  }

  #error(code: WalErrorCode, message: string, cause?: unknown): WalError {
    return new WalError(code, (this.#place.members[0] as Member).file.path, message, cause);
  }
}

function* committedPages(place: LogPlace, point: CommitPoint): Generator<ReturnType<typeof readBest>, void, undefined> {
  for (let pageNumber = point.headPage; pageNumber <= lastPageBefore(point.endOffset); pageNumber++) {
    yield readBest(place, pageNumber, limitIn(pageNumber, point.endOffset));
  }
}
