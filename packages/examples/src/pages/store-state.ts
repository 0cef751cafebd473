/** The parts of an open store, and the calls that it still takes after something has failed. */
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
    for (const changes of batches) for (const change of changes) this.tree.apply(change);
  }

  /** Slots that the newest tree does without are free once no reader needs them. */
  reclaim(): void {
    this.pool.slots.reclaim(Math.min(...[...this.readers].map(({ epoch }) => epoch)));
  }

  /** Notes that a file has failed with something else than damage, so that it is unknown what is durable. */
  fail(cause: unknown): void {
    this.#cause ??= cause;
  }

  /** The error that every later caller gets. */
  get failure(): PagesError | undefined {
    if (this.#cause === undefined) return undefined;
    const what = 'after an earlier error it is unknown what is durable: close the store and open it again';
    return this.error('ERR_PAGES_FAILED', what, this.#cause);
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
