/** Chooses the way of each commit: whether its point goes into a near slot only, or into the header copies as well. */
import type { Batch, PendingPlace, PendingRecords } from '../append/pending-records.js';
import type { CommitPoint } from '../format/commit-slot.js';
import { SlotEncoder, nearSlotOffset } from '../format/commit-slot.js';
import { NEAR_SLOTS, PAGE_BYTES, SEQUENCE_MAX } from '../format/format.js';
import { pageOf } from '../format/ring.js';
import type { LogFiles } from '../read/read-pages.js';
import type { Job, PointBefore } from './commit-job.js';
import { CommitJob } from './commit-job.js';
import { PageJob } from './page-job.js';

/**
 * Commits as large as the one before that may go with a near slot only: so many numbers are in doubt if no file can
 * read the last page after a crash, nor the near slots.
 */
const RESERVED_COMMITS = 16;

export class Jobs {
  readonly #place: PendingPlace & LogFiles;
  readonly #pending: PendingRecords;
  readonly #slots: SlotEncoder;
  /** Index of the near slot that has the point in force, if one has it. Jobs store into the other one. */
  #nearSlot = 0;

  constructor(place: PendingPlace & LogFiles, pending: PendingRecords) {
    this.#place = place;
    this.#pending = pending;
    this.#slots = new SlotEncoder(place.logId);
  }

  /** Stores the point alone. */
  point(point: CommitPoint, before: PointBefore): Job {
    return new CommitJob(this.#place, undefined, point, this.#slots, before);
  }

  /** Makes a batch durable, and the point that names it; `nextGeneration` is called if the header copies get that. */
  records(batch: Batch, point: CommitPoint, before: PointBefore, nextGeneration: () => number): Job {
    const longWay = (): Job => this.#reserving(batch, { ...point, generation: nextGeneration() }, before);
    const [write] = batch.writes;
    if (write === undefined || !this.#staysInPage(batch, before)) return longWay();
    this.#pending.endCommit();
    const { ring, logFiles } = this.#place;
    const { pageNumber, image, from, to } = write;
    const records = { position: ring.positionOf(pageNumber) + from, bytes: image.subarray(from, to) };
    const slot = { position: this.#nearPosition(pageNumber), bytes: this.#slots.encode(point) };
    return new PageJob({ logFiles, batch, point, pieces: [records, slot], longWay });
  }

  /** Takes note that a job has ended: its point is in force, and if that has a near slot, the next stays off it. */
  settle(): void {
    this.#nearSlot = this.#otherSlot;
  }

  /**
   * Stores the point everywhere, and reserves numbers for commits that stay in its page, if there is room for one like
   * this and the next page is free.
   */
  #reserving(batch: Batch, point: CommitPoint, before: PointBefore): Job {
    const { certainOffset, endOffset, lastSequence, headPage } = point;
    const pageNumber = pageOf(endOffset);
    const hasRoom = (pageNumber + 1) * PAGE_BYTES - endOffset >= endOffset - certainOffset;
    const canReserve = endOffset % PAGE_BYTES !== 0 && hasRoom && this.#pending.isFree(pageNumber + 1, headPage);
    const reserved = canReserve ? RESERVED_COMMITS * batch.count : 0;
    const next = { ...point, reservedThrough: Math.min(lastSequence + reserved, SEQUENCE_MAX) };
    const near = canReserve ? this.#nearPosition(pageNumber) : undefined;
    return new CommitJob(this.#place, batch, next, this.#slots, before, near);
  }

  /**
   * True if a start would find the batch without its point in the header copies: each of them has the one in force,
   * which says where to look, and nothing newer.
   */
  #staysInPage({ writes, skipped, count }: Batch, { point, behind, hasRefused }: PointBefore): boolean {
    const { endOffset, lastSequence, headPage, reservedThrough } = point;
    const pageNumber = pageOf(endOffset);
    const isInPage = endOffset % PAGE_BYTES !== 0 && writes[0]?.pageNumber === pageNumber;
    const isAlone = writes.length === 1 && skipped.length === 0 && lastSequence + count <= reservedThrough;
    return isInPage && isAlone && behind?.length === 0 && !hasRefused && this.#pending.isFree(pageNumber + 1, headPage);
  }

  get #otherSlot(): number {
    return (this.#nearSlot + 1) % NEAR_SLOTS;
  }

  /** File position of the near slot to be stored, of a log that ends in this page. */
  #nearPosition(pageNumber: number): number {
    return this.#place.ring.positionOf(pageNumber + 1) + nearSlotOffset(this.#otherSlot);
  }
}
