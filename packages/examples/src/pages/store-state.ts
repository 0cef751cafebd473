/** What an open store consists of, and what may still be asked of it after something has failed. */
import type { Checkpoint } from './checkpoint-record.js';
import type { PagePool } from './page-pool.js';
import type { PagesErrorCode } from './pages-error.js';
import { PagesError } from './pages-error.js';
import type { Snapshot } from './snapshot.js';
import type { StartedStore } from './start-store.js';
import type { StoreLog } from './store-log.js';
import { Tree } from './tree.js';

export class StoreState {
  readonly pool: PagePool;
  readonly log: StoreLog;
  readonly tree: Tree;
  /** The one in force. */
  checkpoint: Checkpoint;
  /** The highest number that was given to a checkpoint, in force or not. */
  lastGeneration: number;
  readonly readers = new Set<Snapshot>();
  /** A batch is in the log, and in memory by half. */
  isTorn = false;
  isClosed = false;
  #cause: unknown;

  constructor({ pool, log, root, checkpoint, lastGeneration, batches }: StartedStore) {
    this.pool = pool;
    this.log = log;
    this.checkpoint = checkpoint;
    this.lastGeneration = lastGeneration;
    this.tree = new Tree(root, 0, pool);
    pool.epoch = () => this.tree.epoch;
    for (const changes of batches) for (const change of changes) this.tree.apply(change);
  }

  /** Slots that the newest tree does without are free once no reader needs them. */
  reclaim(): void {
    this.pool.slots.reclaim(Math.min(...[...this.readers].map(({ epoch }) => epoch)));
  }

  /** A file has failed with something else than damage: what is durable, nobody knows. */
  fail(cause: unknown): void {
    this.#cause ??= cause;
  }

  /** What is to be told to everybody from then on. */
  get failure(): PagesError | undefined {
    if (this.#cause === undefined) return undefined;
    return this.error('ERR_PAGES_FAILED', 'the files have failed: open the store anew', this.#cause);
  }

  requireIntact(): void {
    const { failure } = this;
    if (failure !== undefined) throw failure;
  }

  requireOpen(): void {
    if (this.isClosed) throw this.error('ERR_PAGES_CLOSED', 'the store is closed');
    if (this.isTorn) this.requireIntact();
  }

  requireWritable(): void {
    this.requireOpen();
    this.requireIntact();
  }

  error(code: PagesErrorCode, message: string, cause?: unknown): PagesError {
    return new PagesError(code, this.pool.path, message, cause);
  }
}
