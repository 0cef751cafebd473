/**
 * Making records durable that stay in the page in which the commit point of the header copies ends. The new point goes
 * into a near slot, in the page behind: two neighbours are one write to a disk, header copies far away are two more.
 * What is refused goes the long way. settle-point.ts finds such a commit after a crash.
 */
import type { ByteRange } from '@safe-pmem/core';
import { rangeBetween } from '@safe-pmem/core';
import type { CommitPoint } from '../format/commit-slot.js';
import type { LogFile } from '../log-files.js';
import { damageReason } from '../log-files.js';
import type { Batch } from '../append/pending-records.js';
import type { CommitOutcome, Job } from './commit-job.js';

/** Bytes, and where they belong in each file. */
export interface Piece {
  readonly position: number;
  readonly bytes: Uint8Array;
}

export interface PageJobOptions {
  readonly logFiles: readonly LogFile[];
  readonly batch: Batch;
  readonly point: CommitPoint;
  /** The records, and the near slot; their bytes stay as they are until the job has ended. */
  readonly pieces: readonly [Piece, Piece];
  /** Makes the job that stores the point in the header copies, too. */
  readonly longWay: () => Job;
}

const NOTHING_MISSING: CommitOutcome = { missing: [] };

export class PageJob implements Job {
  readonly batch: Batch;
  readonly #point: CommitPoint;
  readonly #logFiles: readonly LogFile[];
  readonly #pieces: readonly [Piece, Piece];
  readonly #longWay: () => Job;
  #instead: Job | undefined;
  #isOver = false;

  /** Nothing is stored before run() or runAsync(). */
  constructor({ logFiles, batch, point, pieces, longWay }: PageJobOptions) {
    this.batch = batch;
    this.#point = point;
    this.#logFiles = logFiles;
    this.#pieces = pieces;
    this.#longWay = longWay;
  }

  get point(): CommitPoint {
    return this.#instead?.point ?? this.#point;
  }

  get outcome(): CommitOutcome {
    return this.#instead?.outcome ?? NOTHING_MISSING;
  }

  run(): void {
    this.#isOver = true;
    if (this.#instead === undefined) {
      try {
        const ranges = this.#store();
        for (const { file } of this.#logFiles) file.persistRanges(ranges);
        return;
      } catch (error) {
        this.#takeLongWay(error);
      }
    }
    this.#instead?.run();
  }

  async runAsync(): Promise<void> {
    try {
      const ranges = this.#store();
      const [first, last] = ranges;
      const { offset, length } = rangeBetween(first.offset, last.offset + last.length);
      const flushes = this.#logFiles.map(({ file }) => file.persistAsync(offset, length));
      const failed = (await Promise.allSettled(flushes)).find((flush) => flush.status === 'rejected');
      if (this.#isOver || failed === undefined) return;
      this.#takeLongWay(failed.reason);
    } catch (error) {
      this.#takeLongWay(error);
    }
    await this.#instead?.runAsync();
  }

  /** Returns what has to be persisted, by rising offset. */
  #store(): readonly [ByteRange, ByteRange] {
    for (const { file } of this.#logFiles) {
      for (const { position, bytes } of this.#pieces) file.write(bytes, position);
    }
    const [records, slot] = this.#pieces.map(({ position, bytes }) => ({ offset: position, length: bytes.length })) as
      [ByteRange, ByteRange];
    return records.offset < slot.offset ? [records, slot] : [slot, records];
  }

  /** Throws what is no damage: after it, it is unknown what is durable. */
  #takeLongWay(error: unknown): void {
    if (damageReason(error) === undefined) throw error;
    this.#instead = this.#longWay();
  }
}
