/** The store's log: a mirrored write-ahead log, how full it is, and what to do if a page of it refuses stores. */
import type { CommitResult, Damage, Wal } from '../wal/index.js';
import { PAGE_BYTES } from './format.js';
import { reasonIn } from '../page-files/damage-reason.js';
import { Turns } from '../turns.js';

/** Pages that the log keeps for itself: two header pages, one that is begun, one that is ended. */
const OVERHEAD_PAGES = 4;

export class StoreLog {
  readonly wal: Wal;
  /** Each caller that appends and commits takes a turn, so that none commits the half of another's batch. */
  readonly turns = new Turns();
  /** The position after the records that the checkpoint in force covered at open(). See mark(). */
  readonly coveredMark: number;
  readonly #pages: number;
  /** Upper bounds, in bytes of the ring, counted since open(). */
  #appendedBytes: number;
  #droppedBytes = 0;
  /** Header copies that the device refuses for good. */
  #refused = new Set<string>();

  /**
   * @param heldBytes an upper bound for what the records take that are in the log already
   * @param coveredBytes the part of it of those that the checkpoint in force covers
   */
  constructor(wal: Wal, heldBytes: number, coveredBytes: number) {
    this.wal = wal;
    this.coveredMark = coveredBytes;
    this.#pages = wal.pageCount - OVERHEAD_PAGES;
    this.#appendedBytes = heldBytes;
  }

  get lastSequence(): number {
    return this.wal.lastSequence ?? 0;
  }

  /** Returns the position of the log: records that are appended from now on come after it. For dropped(). */
  get mark(): number {
    return this.#appendedBytes;
  }

  get usedBytes(): number {
    return this.#appendedBytes - this.#droppedBytes;
  }

  get capacityBytes(): number {
    return (this.#pages - this.wal.unusablePages.length) * PAGE_BYTES;
  }

  /** Appends a record and returns its sequence number. Throws what Wal.append() throws. */
  append(record: Uint8Array): number {
    const sequence = this.wal.append(record);
    this.#appendedBytes += ringBytesOf(record.length);
    return sequence;
  }

  /**
   * Makes the appended records durable, in the other file or in other pages if one refuses them. A flush that would
   * block the event loop runs off this thread (`blockMs`).
   */
  async commit(): Promise<void> {
    let result: CommitResult;
    try {
      result = await this.wal.commitAsync();
    } catch (error) {
      if (reasonIn(error) === undefined) throw error;
      await this.wal.repair();
      result = await this.wal.commitAsync();
    }
    await this.#renewCopies(result);
  }

  /**
   * Drops the records up to `through`; `mark` is what mark() returned before the record after them was appended. It
   * flushes as commit() does.
   */
  async truncate(through: number, mark: number): Promise<void> {
    const { firstSequence = 1, lastSequence = 0 } = this.wal;
    if (through < firstSequence || through > lastSequence) return;
    await this.#renewCopies(await this.wal.truncateAsync(through));
    this.#droppedBytes = mark;
  }

  /** Repairs header copies that missed a commit before the commit is relied on: one copy alone could be lost. */
  async #renewCopies({ missing }: CommitResult): Promise<void> {
    if (missing.every((damage) => this.#refused.has(placeOf(damage)))) return;
    const { failed } = await this.wal.repair();
    this.#refused = new Set(failed.map(placeOf));
  }
}

function placeOf({ role, range }: Damage): string {
  return `${role} ${range.offset}`;
}

/**
 * Returns the bytes that a record of this length takes in the log's ring on average, at most: its fragment's header and
 * padding, and its share of what each page loses to its own header, to a record that is cut in two there, and to a rest
 * that is too short.
 */
export function ringBytesOf(recordBytes: number): number {
  return Math.ceil(((recordBytes + 31) * PAGE_BYTES) / (PAGE_BYTES - 94));
}
