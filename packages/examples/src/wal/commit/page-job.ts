/**
 * Making records durable that stay in the page in which the commit point of the header copies ends: off this thread,
 * or on it if another page is under repair (jobs.ts does the rest without a job). The new point goes into a near slot,
 * in the page behind: two neighbours are one write to a disk, header copies far away are two more. What is refused goes
 * the long way. settle-point.ts finds such a commit after a crash.
 */
import type { CommitPoint } from '../format/commit-slot.js';
import type { LogFile } from '../log-files.js';
import { damageReason } from '../log-files.js';
import type { Batch } from '../append/pending-records.js';
import type { CommitOutcome, Job } from './commit-job.js';
import type { CommitStores } from './commit-stores.js';
import { flushAway } from './flush-away.js';

export interface PageJobOptions {
  readonly logFiles: readonly LogFile[];
  readonly batch: Batch;
  readonly point: CommitPoint;
  /** Filled; no other job uses them until this one has ended. */
  readonly stores: CommitStores;
  /** Makes the job that stores the point in the header copies, too. */
  readonly longWay: () => Job;
}

const NOTHING_MISSING: CommitOutcome = { missing: [] };

export class PageJob implements Job {
  readonly batch: Batch;
  readonly #point: CommitPoint;
  readonly #logFiles: readonly LogFile[];
  readonly #stores: CommitStores;
  readonly #longWay: () => Job;
  #instead: Job | undefined;
  #isOver = false;

  /** Nothing is stored before run() or runAsync(). */
  constructor({ logFiles, batch, point, stores, longWay }: PageJobOptions) {
    this.batch = batch;
    this.#point = point;
    this.#logFiles = logFiles;
    this.#stores = stores;
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
        this.#stores.storeAndPersist();
        return;
      } catch (error) {
        this.#takeLongWay(error);
      }
    }
    this.#instead?.run();
  }

  async runAsync(): Promise<void> {
    try {
      // Copies: if run() takes this over, the next commit has the stores before these flushes are over.
      const ranges = this.#stores.store().map(({ offset, length }) => ({ offset, length }));
      const errors = await Promise.all(this.#logFiles.map(({ file }) => flushAway(file, ranges)));
      const failed = errors.find((error) => error !== undefined);
      if (this.#isOver || failed === undefined) return;
      this.#takeLongWay(failed);
    } catch (error) {
      this.#takeLongWay(error);
    }
    await this.#instead?.runAsync();
  }

  /** Throws what is no damage: after it, it is unknown what is durable. */
  #takeLongWay(error: unknown): void {
    if (damageReason(error) === undefined) throw error;
    this.#instead = this.#longWay();
  }
}
