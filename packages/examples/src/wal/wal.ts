import { randomBytes } from 'node:crypto';
import type { PmemFile } from '@safe-pmem/core';
import { requireCommitPoint, storePages } from './commit-records.js';
import { PAGE_BYTES } from './format.js';
import type { CommitPoint, LogHeader } from './header-page.js';
import { refreshHeaders, ringOf, writeHeaders } from './header-copies.js';
import type { PendingRecord, Tail } from './layout.js';
import { endAfter, layOut } from './layout.js';
import type { Damage, Member } from './members.js';
import { damageReason } from './members.js';
import type { Verdict } from './open-log.js';
import { judge } from './open-log.js';
import type { LogPlace } from './read-pages.js';
import { firstSequenceIn, readBest } from './read-pages.js';
import { copyToMirror, eraseEveryPage, eraseLeftovers, loadTail } from './recover.js';
import type { WalRepairReport } from './repair-log.js';
import { repairLog } from './repair-log.js';
import type { ReplayItem } from './replay.js';
import { assemble } from './replay.js';
import { lastPageBefore, limitIn, pageOf } from './ring.js';
import { surveyPages } from './survey-pages.js';
import type { WalErrorCode } from './wal-error.js';
import { WalError } from './wal-error.js';

export interface WalOptions {
  /** The file that holds the log, at least four pages long. It stays the caller's: close() leaves it open. */
  readonly file: PmemFile;
  /** A second file of the same size, on another device if it is to help, that gets the same bytes. */
  readonly mirror?: PmemFile;
  /** Make a log of files that hold nothing but zeros. Default false. */
  readonly create?: boolean;
  /** Only replay; change nothing. Header copies that a crash left behind are not renewed then. Default false. */
  readonly readOnly?: boolean;
  /** Overwrite `mirror`, whatever it holds, with a copy of the log. Default false. */
  readonly attachMirror?: boolean;
  /** Go on without the mirror that the log has had; that file is not its mirror any more. Default false. */
  readonly detachMirror?: boolean;
}

/** A commit point that is durable. */
export interface CommitResult {
  readonly lastSequence: number;
  /** Header copies that did not take the commit point. Not empty: call repair() before another page fails. */
  readonly missing: readonly Damage[];
}

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
  /** Where the next record goes: the end of the log, or the next page where nobody can read the last one any more. */
  #writeOffset = 0;
  #tail: Tail | undefined;
  #pending: PendingRecord[] = [];
  #pendingEnd = 0;
  readonly #readOnly: boolean;
  #unusable = new Set<number>();
  #replays = 0;
  #repairing = false;
  #failure: unknown;
  #closed = false;

  private constructor(place: LogPlace, header: LogHeader, readOnly: boolean) {
    this.#place = place;
    this.#header = header;
    this.#readOnly = readOnly;
  }

  /**
   * Opens the log and recovers it: finds the commit point in force, erases what an interrupted commit left behind it
   * and renews header copies that missed it. Nothing is repaired: damaged pages stay as they are until repair().
   *
   * Throws WalError and changes nothing: ERR_WAL_NOT_FORMATTED (zeros, and no `create`), ERR_WAL_FOREIGN (not a log),
   * ERR_WAL_UNREADABLE (nobody can tell: no header copy and no page of a log can be read), ERR_WAL_VERSION, ERR_WAL_SIZE, ERR_WAL_MIRROR_MISSING (the log has one), ERR_WAL_MIRROR_STALE (the two files are
   * not a pair), ERR_WAL_READ_ONLY. Throws MediaError where a new log's header cannot be stored anywhere.
   */
  static async open(options: WalOptions): Promise<Wal> {
    const { file, mirror, create = false, readOnly = false, attachMirror = false, detachMirror = false } = options;
    const members: Member[] = [{ role: 'log', file }];
    if (mirror !== undefined) {
      if (mirror === file || mirror.path === file.path) throw new TypeError('the mirror must be another file');
      if (mirror.size !== file.size) throw new RangeError(`the mirror has ${mirror.size} bytes, the log ${file.size}`);
      members.push({ role: 'mirror', file: mirror });
    }
    // What the kernel knows to be bad must be known here before it is touched.
    await Promise.all(members.map((member) => member.file.badBlocks()));
    const verdict = judge(members, { create, readOnly, attachMirror, detachMirror });
    if (readOnly && verdict.action !== 'use' && verdict.action !== 'salvage') {
      throw new WalError('ERR_WAL_READ_ONLY', file.path, `to ${verdict.action} needs writing`);
    }
    const ring = ringOf(members[0] as Member);
    const header = verdict.action === 'format' ? { logId: randomId(), pageCount: ring.pageCount } : verdict.header;
    const wal = new Wal({ members, ring, logId: header.logId }, header, readOnly);
    wal.#start(verdict);
    return wal;
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
    return this.#point === undefined ? undefined : this.#point.lastSequence + this.#pending.length + 1;
  }

  /** True while the log is readable only, because every copy of its commit point is lost. See reset(). */
  get commitPointLost(): boolean {
    return this.#point === undefined;
  }

  /** Pages that repair() could not make usable, by file position; new records are laid out around them. */
  get unusablePages(): readonly number[] {
    return [...this.#unusable];
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
    const { dataPages } = this.#place.ring;
    if (lastPageBefore(endAfter(0, payload.length, () => true)) >= dataPages) {
      throw this.#error('ERR_WAL_TOO_LARGE', `a record of ${payload.length} bytes never fits into ${dataPages} pages`);
    }
    const end = this.#endAfter(this.#pendingEnd, payload.length);
    this.#requireRoom(point, end);
    const sequence = point.lastSequence + this.#pending.length + 1;
    this.#pending.push({ sequence, payload: payload.slice() });
    this.#pendingEnd = end;
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
    if (this.#pending.length === 0) return { lastSequence: point.lastSequence, missing: [] };
    this.#requireRoom(point, this.#pendingEnd);
    const layout = layOut(this.#pending, this.#writeOffset, this.#tail, this.#header.logId, this.#isUsable);
    const lastSequence = point.lastSequence + this.#pending.length;
    const result = this.#storing(() => {
      storePages(this.#place, layout);
      return this.#advance({ ...point, endOffset: layout.endOffset, lastSequence });
    });
    const last = layout.writes.at(-1);
    this.#tail = layout.endOffset % PAGE_BYTES === 0 ? undefined : last;
    this.#writeOffset = layout.endOffset;
    this.#pending = [];
    this.#pendingEnd = this.#writeOffset;
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
    const headPage = through === point.lastSequence ? pageOf(this.#writeOffset) : this.#pageOfRecord(point, through + 1);
    const next = { ...point, headPage, firstSequence: through + 1, endOffset: this.#writeOffset };
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
    if (!Number.isSafeInteger(nextSequence) || nextSequence < 1) throw new RangeError('nextSequence must be at least 1');
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
    this.#pending = [];
  }

  #start(verdict: Verdict): void {
    if (verdict.action === 'salvage') return;
    const { members, ring } = this.#place;
    let point = verdict.action === 'format' ? firstPoint(members, 1) : verdict.commitPoint;
    if (verdict.action === 'attach') {
      copyToMirror(this.#place, point);
      point = { ...point, generation: point.generation + 1, pairId: randomId() };
      writeHeaders(members.slice(1), ring, this.#header, point);
    }
    if (verdict.action === 'detach') point = { ...point, generation: point.generation + 1, pairId: 0n };
    if (!this.#readOnly) {
      const store = verdict.action === 'format' ? writeHeaders : refreshHeaders;
      const { stored, missing } = store(members, ring, this.#header, point);
      if (stored === 0) throw missing[0]?.cause;
      eraseLeftovers(this.#place, point);
    }
    this.#point = point;
    this.#tail = loadTail(this.#place, point.endOffset);
    this.#writeOffset =
      this.#tail === undefined ? (lastPageBefore(point.endOffset) + 1) * PAGE_BYTES : point.endOffset;
    this.#pendingEnd = this.#writeOffset;
  }

  readonly #isUsable = (pageNumber: number): boolean => !this.#unusable.has(this.#place.ring.positionOf(pageNumber));

  #endAfter(endOffset: number, recordBytes: number): number {
    // With every page unusable the layout would look for one for ever.
    if (this.#unusable.size >= this.#place.ring.dataPages) return Number.POSITIVE_INFINITY;
    return endAfter(endOffset, recordBytes, this.#isUsable);
  }

  #requireRoom(point: CommitPoint, endOffset: number): void {
    const { dataPages } = this.#place.ring;
    if (lastPageBefore(endOffset) - point.headPage < dataPages) return;
    throw this.#error('ERR_WAL_FULL', `the log's ${dataPages} pages are in use; truncate() frees them`);
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
      const report = await repairLog({ place: this.#place, header: this.#header, point, tail: this.#tail });
      const headers = this.#place.ring.headerPositions;
      const refused = report.failed.map(({ range }) => range.offset).filter((offset) => !headers.includes(offset));
      this.#unusable = new Set(refused);
      this.#pendingEnd = this.#writeOffset;
      for (const { payload } of this.#pending) this.#pendingEnd = this.#endAfter(this.#pendingEnd, payload.length);
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

/** The commit point of an empty log. */
function firstPoint(members: readonly Member[], nextSequence: number): CommitPoint {
  return {
    generation: 1,
    headPage: 0,
    firstSequence: nextSequence,
    endOffset: 0,
    lastSequence: nextSequence - 1,
    pairId: members.length > 1 ? randomId() : 0n,
  };
}

function randomId(): bigint {
  const id = randomBytes(8).readBigUInt64LE();
  return id === 0n ? randomId() : id;
}
