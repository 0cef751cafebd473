/** Brings batches into the log and into memory, in their order; those that wait at the same moment share a commit. */
import { checkpointBytesOf } from './checkpoint-record.js';
import type { Checkpointer } from './checkpointer.js';
import { PAGE_BYTES } from './format.js';
import type { Change } from './log-record.js';
import { changesOf, encodeBatch } from './log-record.js';
import { ringBytesOf } from './store-log.js';
import type { StoreState } from './store-state.js';

/** A log this long keeps a page for deletes. */
const LEAST_WITH_SPARE_BYTES = 10 * PAGE_BYTES;

interface WaitingBatch {
  readonly record: Buffer;
  readonly changes: readonly Change[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class BatchWriter {
  readonly #state: StoreState;
  readonly #checkpoints: Checkpointer;
  readonly #waiting: WaitingBatch[] = [];
  #writing: Promise<void> | undefined;

  constructor(state: StoreState, checkpoints: Checkpointer) {
    this.#state = state;
    this.#checkpoints = checkpoints;
  }

  /** Copies the changes at once. Resolves when they are durable and visible. */
  async write(changes: readonly Change[]): Promise<void> {
    const record = encodeBatch(changes);
    const copied = changesOf(record);
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ record, changes: copied, resolve, reject });
      this.#writing ??= Promise.resolve().then(() => this.#writeAll());
    });
  }

  /** Resolves when no batch waits. */
  async ended(): Promise<void> {
    await this.#writing;
  }

  /** Commits and applies batches until none waits. Never rejects. */
  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const committed = await this.#state.log.turns.take(() => this.#commitSome());
      if (committed > 0) continue;
      const [first] = this.#waiting as [WaitingBatch];
      try {
        await this.#checkpoints.run();
        if (this.#hasRoomFor(first)) continue;
        const what = `a batch of ${first.record.length} bytes never fits into the log: split it, or make a longer log`;
        first.reject(this.#state.error('ERR_PAGES_TOO_LARGE', what));
      } catch (error) {
        // The one before, which was on its way when the batch came, may have made room.
        if (this.#hasRoomFor(first)) continue;
        first.reject(error);
      }
      this.#waiting.shift();
    }
    this.#writing = undefined;
  }

  /** As many batches as the log has room for now. Returns how many were settled. */
  async #commitSome(): Promise<number> {
    const { log } = this.#state;
    let count = 0;
    try {
      for (const batch of this.#waiting) {
        this.#state.requireIntact();
        if (!this.#hasRoomFor(batch)) break;
        log.append(batch.record);
        count++;
      }
      if (count > 0) await log.commit();
      for (const { changes } of this.#waiting.slice(0, count)) this.#apply(changes);
    } catch (cause) {
      this.#state.fail(cause);
      const failed = this.#waiting.splice(0);
      for (const { reject } of failed) reject(this.#state.failure);
      return failed.length;
    }
    for (const { resolve } of this.#waiting.splice(0, count)) resolve();
    if (log.usedBytes * 2 > log.capacityBytes) this.#checkpoints.soon();
    return count;
  }

  /** Applies a batch that is durable already. Half of it in memory would be worse than nothing. */
  #apply(changes: readonly Change[]): void {
    this.#state.isTorn = true;
    for (const change of changes) this.#state.tree.apply(change);
    this.#state.isTorn = false;
  }

  /**
   * A record of the next checkpoint, and of one more, must always find room. In a log of some length, batches that
   * only delete have a page to themselves: if the filesystem is full, no checkpoint makes room before they have.
   */
  #hasRoomFor({ record, changes }: WaitingBatch): boolean {
    const { log, pool, lastGeneration } = this.#state;
    const reservedBytes = 2 * ringBytesOf(checkpointBytesOf(pool.slots.count, lastGeneration + 2)) + PAGE_BYTES;
    const isDeleting = changes.every(({ type }) => type !== 'put');
    const hasSpare = log.capacityBytes >= LEAST_WITH_SPARE_BYTES && log.usedBytes * 2 > log.capacityBytes;
    const deletingBytes = hasSpare && !isDeleting ? PAGE_BYTES : 0;
    return log.usedBytes + ringBytesOf(record.length) + reservedBytes + deletingBytes <= log.capacityBytes;
  }
}
