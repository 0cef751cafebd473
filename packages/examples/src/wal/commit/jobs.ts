/** Chooses the way of each commit: whether its point goes into a near slot only, or into the header copies as well. */
import type { FillingPage } from '../append/filling-page.js';
import type { Batch, PendingPlace, PendingRecords } from '../append/pending-records.js';
import type { CommitPoint } from '../format/commit-slot.js';
import { SlotEncoder, nearSlotOffset, pointAfter, reserving, slotOffset } from '../format/commit-slot.js';
import { NEAR_SLOTS, PAGE_BYTES, SEQUENCE_MAX, fragmentSpanBytes } from '../format/format.js';
import { pageOf } from '../format/ring.js';
import { damageReason } from '../log-files.js';
import type { LogFiles } from '../read/read-pages.js';
import type { Job, PointBefore } from './commit-job.js';
import { CommitJob } from './commit-job.js';
import { PageJob } from './page-job.js';
import { CommitStores } from './commit-stores.js';

export class Jobs {
  readonly #place: PendingPlace & LogFiles;
  readonly #pending: PendingRecords;
  readonly #slots: SlotEncoder;
  readonly #stores: CommitStores;
  /** Index of the near slot that has the point in force, if one has it. Jobs store into the other one. */
  #nearSlot = 0;
  /** A page has refused what waits: it goes the long way. */
  #isRefused = false;

  constructor(place: PendingPlace & LogFiles, pending: PendingRecords) {
    this.#place = place;
    this.#pending = pending;
    this.#slots = new SlotEncoder(place.logId);
    this.#stores = new CommitStores(place.logFiles);
  }

  /** Stores the point alone. */
  point(point: CommitPoint, before: PointBefore): Job {
    return new CommitJob(this.#place, undefined, point, this.#slots, before);
  }

  /**
   * Commits what waits at once, if every page of it and every header copy takes it. Returns the point, which is in
   * force then; undefined if a job has to find out what can be done. Throws what the files throw but damage.
   */
  commitHere(before: PointBefore, nextGeneration: () => number): CommitPoint | undefined {
    if (this.#isRefused || before.hasRefused || before.behind?.length !== 0) return undefined;
    if (!this.#pending.isStraight(before.point.headPage)) return undefined;
    const { start, end, count } = this.#pending;
    let point = pointAfter(before.point, start, end, count);
    const page = this.#pageOfAll(before);
    if (page === undefined) point = this.#addEverywhere(point, nextGeneration());
    else this.#addInPage(page, point);
    try {
      this.#stores.storeAndPersist();
      return point;
    } catch (error) {
      if (damageReason(error) === undefined) throw error;
      this.#isRefused = true;
      return undefined;
    }
  }

  /** Makes a batch durable, and the point that names it; `nextGeneration` is called if the header copies get that. */
  records(batch: Batch, point: CommitPoint, before: PointBefore, nextGeneration: () => number): Job {
    const reservedThrough = this.#reservedThrough(point, batch.lastRecordBytes);
    const longWay = (): Job => this.#everywhere(batch, reserving(point, nextGeneration(), reservedThrough), before);
    const page = this.#pageOfAll(before);
    if (page === undefined) return longWay();
    this.#addInPage(page, point);
    return new PageJob({ logFiles: this.#place.logFiles, batch, point, stores: this.#stores, longWay });
  }

  /** Takes note that a job has ended: its point is in force, and if that has a near slot, the next stays off it. */
  settle(): void {
    this.#nearSlot = this.#otherSlot;
    this.#isRefused = false;
  }

  /** Stores the point everywhere. */
  #everywhere(batch: Batch, point: CommitPoint, before: PointBefore): Job {
    const near = hasReserve(point) ? this.#nearPosition(pageOf(point.endOffset)) : undefined;
    return new CommitJob(this.#place, batch, point, this.#slots, before, near);
  }

  /**
   * The last number that is reserved: of as many records like the last one as its page has room for, if a batch like
   * this one fits there and the next page is free. They are in doubt if no file can read the page after a crash, nor
   * the near slots.
   */
  #reservedThrough(point: CommitPoint, lastRecordBytes: number): number {
    const { endOffset, lastSequence, certainSequence, headPage } = point;
    const pageNumber = pageOf(endOffset);
    const roomBytes = (pageNumber + 1) * PAGE_BYTES - endOffset;
    const more = Math.floor(roomBytes / fragmentSpanBytes(lastRecordBytes));
    const isInPage = endOffset % PAGE_BYTES !== 0 && more >= lastSequence - certainSequence;
    if (!isInPage || !this.#pending.isFree(pageNumber + 1, headPage)) return lastSequence;
    return Math.min(lastSequence + more, SEQUENCE_MAX);
  }

  /**
   * The page of all that waits, if a start would find it without its point in the header copies: each of them has the
   * one in force, which says where to look, and nothing newer.
   */
  #pageOfAll({ point, behind, hasRefused }: PointBefore): FillingPage | undefined {
    const { endOffset, lastSequence, headPage, reservedThrough } = point;
    const pageNumber = pageOf(endOffset);
    const page = this.#pending.begunPage;
    const isInPage = endOffset % PAGE_BYTES !== 0 && page?.pageNumber === pageNumber;
    const isReserved = lastSequence + this.#pending.count <= reservedThrough;
    if (!isInPage || !isReserved || behind?.length !== 0 || hasRefused || this.#isRefused) return undefined;
    const isFree = this.#pending.isFree(pageNumber, headPage) && this.#pending.isFree(pageNumber + 1, headPage);
    return isFree ? page : undefined;
  }

  #addInPage(page: FillingPage, point: CommitPoint): void {
    page.endCommit();
    this.#stores.clear();
    this.#pending.visit(this.#add);
    this.#stores.add(this.#nearPosition(page.pageNumber), this.#slots.encode(point));
  }

  #addEverywhere(after: CommitPoint, generation: number): CommitPoint {
    const point = reserving(after, generation, this.#reservedThrough(after, this.#pending.lastRecordBytes));
    this.#stores.clear();
    this.#pending.visit(this.#add);
    const slot = this.#slots.encode(point);
    if (hasReserve(point)) this.#stores.add(this.#nearPosition(pageOf(point.endOffset)), slot);
    for (const position of this.#place.ring.headerPositions) this.#stores.add(position + slotOffset(generation), slot);
    return point;
  }

  readonly #add = (pageNumber: number, from: number, bytes: Uint8Array): void => {
    this.#stores.add(this.#place.ring.positionOf(pageNumber) + from, bytes);
  };

  get #otherSlot(): number {
    return (this.#nearSlot + 1) % NEAR_SLOTS;
  }

  /** File position of the near slot to be stored, of a log that ends in this page. */
  #nearPosition(pageNumber: number): number {
    return this.#place.ring.positionOf(pageNumber + 1) + nearSlotOffset(this.#otherSlot);
  }
}

function hasReserve({ reservedThrough, lastSequence }: CommitPoint): boolean {
  return reservedThrough > lastSequence;
}
