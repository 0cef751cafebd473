/**
 * Making records durable with one flush of each file: the new bytes and the commit point that names them are stored,
 * then persisted together, in any order. What a crash may leave of that, last-batch.ts tells apart. If a file
 * refuses, its pieces are stored and persisted one by one, records first, so that each says for itself what it is
 * good for. A flush can run on this thread or off it, and a job that waits off it can be taken over and ended on it.
 */
import type { ByteRange } from '@safe-pmem/core';
import type { CommitPoint } from '../format/commit-slot.js';
import { type SlotEncoder, slotOffset } from '../format/commit-slot.js';
import { PAGE_BYTES } from '../format/format.js';
import type { Damage, LogFile } from '../log-files.js';
import { damageOf, damageReason, storeDurably } from '../log-files.js';
import { flushAway } from './flush-away.js';
import { catchUp } from './header-copies.js';
import type { Batch } from '../append/pending-records.js';
import type { LogFiles } from '../read/read-pages.js';
import { WalError } from '../wal-error.js';

/** Bytes that a job has stored in one file and has to make durable. */
interface Share {
  readonly logFile: LogFile;
  /** By rising offset. */
  readonly ranges: readonly ByteRange[];
  /** Header copies, by file position, that have taken the commit point. */
  readonly copies: readonly number[];
}

/** The commit point in force when a job begins. */
export interface PointBefore {
  readonly point: CommitPoint;
  /** Copies that may not have it; undefined if any of them may not. */
  readonly behind: readonly Damage[] | undefined;
  /** An attempt that was refused has left a newer one, in some slots. */
  readonly hasRefused: boolean;
}

export interface CommitOutcome {
  /** Copies that did not take the commit point. */
  readonly missing: readonly Damage[];
}

/** Moves the commit point, on this thread or off it. */
export interface Job {
  /** In force once the job has ended. */
  readonly point: CommitPoint;
  /** The records that it makes durable, if it is about any. */
  readonly batch: Batch | undefined;
  /** Of a job that has ended. */
  readonly outcome: CommitOutcome;
  /**
   * Does the job, or what is left of it, on this thread. Throws if it cannot be done: `refusalOf` tells what leaves
   * the log as it was from what does not.
   */
  run(): void;
  /** run() off this thread. If run() is called meanwhile, it leaves the rest alone. */
  runAsync(): Promise<void>;
}

/** Stores records, if there are any, and the point that names them. */
export class CommitJob implements Job {
  readonly batch: Batch | undefined;
  readonly #place: LogFiles;
  readonly #slots: SlotEncoder;
  readonly #nearPosition: number | undefined;
  #point: CommitPoint;
  #slot: Uint8Array;
  readonly #before: PointBefore;
  #shares: readonly Share[] | undefined;
  #isOver = false;
  readonly #missing: Damage[] = [];

  /**
   * Nothing is stored before run() or runAsync().
   *
   * @param batch undefined if only the commit point changes
   * @param slots encodes nothing else until the job has ended
   * @param nearPosition of the near slot that a point with reserved numbers needs
   */
  constructor(
    place: LogFiles, batch: Batch | undefined, point: CommitPoint, slots: SlotEncoder, before: PointBefore,
    nearPosition?: number,
  ) {
    this.#place = place;
    this.#before = before;
    this.batch = batch;
    this.#point = point;
    this.#slots = slots;
    this.#slot = slots.encode(point);
    this.#nearPosition = nearPosition;
  }

  get point(): CommitPoint {
    return this.#point;
  }

  get outcome(): CommitOutcome {
    return { missing: this.#missing };
  }

  run(): void {
    const isTakenOver = this.#shares !== undefined;
    const shares = this.#begin();
    const errors: unknown[] = [];
    for (const [i, share] of shares.entries()) {
      try {
        // The flush off this thread may have failed by now, and its pages count as clean.
        if (isTakenOver) this.#storeAgain(share);
        share.logFile.file.persistRanges(share.ranges);
      } catch (error) {
        errors[i] = error;
      }
    }
    this.#end(shares, errors);
  }

  async runAsync(): Promise<void> {
    const shares = this.#begin();
    const errors = await Promise.all(shares.map(({ logFile, ranges }) => flushAway(logFile.file, ranges)));
    if (!this.#isOver) this.#end(shares, errors);
  }

  /** Stores records and commit point in every file; nothing of it is durable yet. */
  #begin(): readonly Share[] {
    if (this.#shares !== undefined) return this.#shares;
    // First of all: a flush that fails leaves everything in doubt that was stored before.
    const damages = this.#place.logFiles.map((logFile) => this.#catchUpCopies(logFile));
    const records = this.#place.logFiles.map((logFile) => this.#storeRecords(logFile));
    this.#storeNearSlots(records);
    const shares = this.#place.logFiles.map((logFile, i) =>
      this.#storeSlots(logFile, records[i] as ByteRange[], damages[i] as Map<number, Damage>));
    if (shares.every(({ copies }) => copies.length === 0)) this.#refuseAll();
    this.#shares = shares.filter(({ ranges }) => ranges.length > 0);
    return this.#shares;
  }

  /** Returns what has to be persisted; pages that lie one after the other are one range. */
  #storeRecords(logFile: LogFile): ByteRange[] {
    if (this.batch === undefined) return [];
    const { ring } = this.#place;
    // A page that is stepped over must not keep fragments of an earlier attempt; if it cannot be stored to, it cannot
    // be read either, and its repair empties it.
    for (const { pageNumber, from } of this.batch.skipped) {
      storeDurably(logFile, ring.positionOf(pageNumber) + from, new Uint8Array(PAGE_BYTES - from));
    }
    const ranges: { offset: number; length: number }[] = [];
    for (const { pageNumber, image, from, to } of this.batch.writes) {
      const offset = ring.positionOf(pageNumber) + from;
      try {
        logFile.file.write(image.subarray(from, to), offset);
      } catch (error) {
        if (damageReason(error) !== undefined) throw new Refusal(error);
        throw error;
      }
      const last = ranges.at(-1);
      if (last !== undefined && endOf(last) === offset) last.length += to - from;
      else ranges.push({ offset, length: to - from });
    }
    return ranges;
  }

  /** Stores the near slot in every file. If one refuses it, no numbers are reserved. */
  #storeNearSlots(ranges: readonly ByteRange[][]): void {
    const near = this.#nearPosition;
    if (near === undefined) return;
    try {
      for (const [i, { file }] of this.#place.logFiles.entries()) {
        file.write(this.#slot, near);
        ranges[i]?.push({ offset: near, length: this.#slot.length });
      }
    } catch (error) {
      requireDamage(error);
      this.#point = { ...this.#point, reservedThrough: this.#point.lastSequence };
      this.#slot = this.#slots.encode(this.#point);
    }
  }

  /**
   * The point in force has to be durable in each copy before the next one is: one that has missed it gets it first, or
   * misses the next one as well. Returns the damage of those, by file position.
   */
  #catchUpCopies(logFile: LogFile): Map<number, Damage> {
    const damages = new Map<number, Damage>();
    for (const position of this.#place.ring.headerPositions) {
      const damage = this.#catchUp(logFile, position);
      if (damage !== undefined) damages.set(position, damage);
    }
    return damages;
  }

  /**
   * The point goes into the slot that the one in force did not use, so that a power loss at any moment leaves each
   * copy with at least one of the two.
   */
  #storeSlots(logFile: LogFile, records: readonly ByteRange[], damages: ReadonlyMap<number, Damage>): Share {
    const copies: number[] = [];
    const ranges = [...records];
    for (const position of this.#place.ring.headerPositions) {
      const offset = position + slotOffset(this.#point.generation);
      const damage = damages.get(position);
      if (damage !== undefined) {
        this.#missing.push(damage);
        continue;
      }
      try {
        logFile.file.write(this.#slot, offset);
        copies.push(position);
        ranges.push({ offset, length: this.#slot.length });
      } catch (error) {
        this.#noteMissing(logFile, position, error);
      }
    }
    return { logFile, copies, ranges: ranges.sort((a, b) => a.offset - b.offset) };
  }

  #catchUp(logFile: LogFile, position: number): Damage | undefined {
    const { point, behind } = this.#before;
    const isThis = ({ role, range }: Damage): boolean => role === logFile.role && range.offset === position;
    if (behind !== undefined && !behind.some(isThis)) return undefined;
    const { logId, ring } = this.#place;
    return catchUp(logFile, position, { logId, pageCount: ring.pageCount }, point);
  }

  #storeAgain({ logFile: { file }, copies }: Share): void {
    const { ring } = this.#place;
    for (const { pageNumber, image, from, to } of this.batch?.writes ?? []) {
      file.write(image.subarray(from, to), ring.positionOf(pageNumber) + from);
    }
    if (this.#nearPosition !== undefined) file.write(this.#slot, this.#nearPosition);
    for (const position of copies) file.write(this.#slot, position + slotOffset(this.#point.generation));
  }

  #end(shares: readonly Share[], errors: readonly unknown[]): void {
    this.#isOver = true;
    let stored = 0;
    for (const [i, share] of shares.entries()) {
      const error = errors[i];
      if (error !== undefined) requireDamage(error);
      stored += error === undefined ? share.copies.length : this.#storeOneByOne(share);
    }
    if (stored === 0) this.#refuseAll();
  }

  /**
   * Stores everything once more before it is persisted: a page whose writeback has failed counts as clean, and would
   * be called durable without being written. Returns how many copies have taken the commit point.
   */
  #storeOneByOne({ logFile, copies }: Share): number {
    const { ring } = this.#place;
    for (const { pageNumber, image, from, to } of this.batch?.writes ?? []) {
      const damage = storeDurably(logFile, ring.positionOf(pageNumber) + from, image.subarray(from, to));
      if (damage !== undefined) throw new Refusal(damage.cause);
    }
    // Only without it in the page of the records is anything in doubt.
    if (this.#nearPosition !== undefined) storeDurably(logFile, this.#nearPosition, this.#slot);
    const refused = copies.flatMap(
      (position) => storeDurably(logFile, position + slotOffset(this.#point.generation), this.#slot) ?? [],
    );
    this.#missing.push(...refused);
    return copies.length - refused.length;
  }

  #noteMissing(logFile: LogFile, position: number, error: unknown): void {
    const reason = damageReason(error);
    if (reason === undefined) throw error;
    this.#missing.push(damageOf(logFile, position, reason, error));
  }

  #refuseAll(): never {
    const worst = this.#missing.find(({ reason }) => reason !== 'busy');
    if (worst !== undefined) throw new Refusal(worst.cause);
    const { path } = (this.#place.logFiles[0] as LogFile).file;
    const what = 'a repair holds every header copy: wait for it';
    throw new Refusal(new WalError('ERR_WAL_BUSY', path, what, this.#missing[0]?.cause));
  }
}

/** Throws what is no damage: after it, it is unknown what is durable. */
function requireDamage(error: unknown): void {
  if (damageReason(error) === undefined) throw error;
}

function endOf({ offset, length }: ByteRange): number {
  return offset + length;
}

/** Carries an error that leaves the log as it was: what has been stored is not acknowledged, and lies after the end. */
class Refusal extends Error {
  constructor(cause: unknown) {
    super('refused', { cause });
  }
}

/** The error inside, if `error` leaves the log as it was; undefined if it is unknown what is durable. */
export function refusalOf(error: unknown): { readonly error: unknown } | undefined {
  return error instanceof Refusal ? { error: error.cause } : undefined;
}
