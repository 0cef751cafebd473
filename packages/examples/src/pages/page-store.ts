import type { FileClaim } from '@safe-pmem/core';
import { BatchWriter } from './batch-writer.js';
import type { Bytes } from './bytes.js';
import { checkedChanges } from './check-change.js';
import { Checkpointer } from './checkpointer.js';
import type { KeyRange, RangeOptions } from './cursor.js';
import { keyRangeOf } from './cursor.js';
import type { Change } from './log-record.js';
import { moveAway } from './move-away.js';
import { leavesOf } from './node.js';
import type { PageDamage } from './page-files.js';
import type { StoreRepairReport } from './repair-store.js';
import { repairPages } from './repair-store.js';
import { findValue, Snapshot } from './snapshot.js';
import type { ClaimedStore } from './start-store.js';
import { startStore } from './start-store.js';
import type { LeafProgress, StoreOptions } from './store-options.js';
import { StoreState } from './store-state.js';

export type ClearedRange = Pick<RangeOptions, 'gt' | 'gte' | 'lt' | 'lte'>;

export interface ClearOptions {
  /** Called after each piece of the leaves whose pages are given back; the event loop gets its turn in between. */
  readonly onProgress?: ((progress: LeafProgress) => void) | undefined;
}

/** The kind of page in a slot of the data file. */
export type SlotKind = 'header' | 'leaf' | 'value' | 'free' | 'unusable';

/**
 * A sorted map from byte strings to byte strings in pages of persistent memory, under a write-ahead log. Whatever was
 * acknowledged is returned, or reported lost by its key; never neither, never wrong.
 *
 * A store is open once at a time, in one process; open() refuses a second one. Readers never wait for writers.
 */
export class PageStore {
  readonly #state: StoreState;
  readonly #checkpoints: Checkpointer;
  readonly #batches: BatchWriter;
  readonly #claim: FileClaim;

  private constructor(started: ClaimedStore) {
    this.#claim = started.claim;
    this.#state = new StoreState(started);
    this.#checkpoints = new Checkpointer(this.#state);
    this.#batches = new BatchWriter(this.#state, this.#checkpoints);
  }

  /**
   * Opens the store: reads every page that the last checkpoint names, then applies the batches that came after it.
   * Pages that one file has lost are read from the other one; nothing is repaired before repair().
   *
   * Throws PagesError: ERR_PAGES_NOT_FORMATTED (no store, and no `create`), ERR_PAGES_FOREIGN (the files hold something
   * else, or do not belong together), ERR_PAGES_VERSION, ERR_PAGES_MIRROR_MISSING, ERR_PAGES_MIRROR_STALE,
   * ERR_PAGES_LOG_LOST (both files of the log have lost the record of the checkpoint), ERR_PAGES_BATCHES_LOST (they
   * have lost batches, see `acceptLostBatches`), ERR_PAGES_LOG_STALE (both files of the log are older than the pages);
   * a WalError if the log is not one; a PmemError: ERR_PMEM_LOCKED (another store, in this process or in another
   * one, has these files), ERR_PMEM_NOT_SUPPORTED (their filesystem has no locks, so nothing can tell); what else the
   * files throw.
   */
  static async open(options: StoreOptions): Promise<PageStore> {
    return new PageStore(await startStore(options));
  }

  /** True if `damage` holds anything. */
  get isDamaged(): boolean {
    return this.#state.pool.files.damage.size > 0;
  }

  /** Pages that a file did not have when they were read, since the last repair: a reason to call repair(). */
  get damage(): readonly PageDamage[] {
    return [...this.#state.pool.files.damage.values()];
  }

  /** Returns a copy of the value, undefined if the key is absent. Throws LostKeysError if no file has its page. */
  get(key: Bytes): Bytes | undefined {
    this.#state.requireOpen();
    const value = findValue(this.#state.pool, this.#state.tree.root, key);
    return value === undefined ? undefined : this.#state.pool.valueOf(key, value);
  }

  /** True if the key has a value, readable or not. Throws LostKeysError if no file has its page. */
  has(key: Bytes): boolean {
    this.#state.requireOpen();
    return findValue(this.#state.pool, this.#state.tree.root, key) !== undefined;
  }

  /** The state as it is now, for as long as it is open. Costs nothing; holds on to pages that change meanwhile. */
  snapshot(): Snapshot {
    this.#state.requireOpen();
    const root = this.#state.tree.freeze();
    const snapshot = new Snapshot(this.#state.pool, root, this.#state.tree.epoch, (closed) => {
      this.#state.readers.delete(closed);
      this.#state.reclaim();
    });
    this.#state.readers.add(snapshot);
    return snapshot;
  }

  /** Keys that are lost at present; values that are lost alone show when they are read. Loads no pages. */
  lostKeys(): KeyRange[] {
    return [...leavesOf(this.#state.tree.root)].filter((leaf) => leaf.lost).map(({ low, high }) => ({ from: low, to: high }));
  }

  /**
   * Applies the changes in their order, all or none; durable and visible when it resolves. Batches of the same moment
   * share one commit. The bytes are copied before it returns.
   *
   * Rejects with ERR_PAGES_TOO_LARGE (the log never has room for it), TypeError or RangeError (a key longer than 1000
   * bytes), nothing changed; with what a checkpoint threw if one was needed to make room, nothing changed; with
   * ERR_PAGES_FAILED if a file has failed with something else than damage, such as EIO from msync: then it is unknown
   * whether the batch is durable, and the store takes no more; close it and open it again.
   */
  async batch(changes: readonly Change[]): Promise<void> {
    this.#state.requireWritable();
    const wanted = checkedChanges(changes);
    if (wanted.length > 0) await this.#batches.write(wanted);
  }

  async put(key: Bytes, value: Bytes): Promise<void> {
    await this.batch([{ type: 'put', key, value }]);
  }

  async del(key: Bytes): Promise<void> {
    await this.batch([{ type: 'del', key }]);
  }

  /**
   * Removes the keys of the range, lost ones too, which is the way to accept a loss. All are gone at the same moment,
   * durably, and without a look at their pages. The pages are freed after that, in pieces, before it resolves; a range
   * of any size delays no other call for long.
   */
  async clear(range: ClearedRange = {}, { onProgress }: ClearOptions = {}): Promise<void> {
    if (!['undefined', 'function'].includes(typeof onProgress)) throw new TypeError('onProgress must be a function');
    // A key in its place has no bounds, and would clear everything.
    const isObject = typeof range === 'object' && (range as unknown) !== null;
    const isRange = isObject && !ArrayBuffer.isView(range) && !Array.isArray(range);
    if (!isRange) throw new TypeError('range must be an object with bounds: gte, gt, lte, lt');
    await this.batch([{ type: 'clear', ...keyRangeOf(range) }]);
    await this.#state.pool.retirement.drain(onProgress);
  }

  /**
   * Stores changes in pages, durably, and empties the log. It happens by itself when the log is half full; batches and
   * readers go on meanwhile. Files whose end was freed become shorter.
   *
   * Rejects with what the files throw, such as ERR_PMEM_NO_SPACE: nothing is lost, the log still has it all.
   */
  async checkpoint(): Promise<void> {
    this.#state.requireWritable();
    await this.#checkpoints.run();
  }

  /**
   * Repairs every damaged page of every file, the log's included. Bytes come from the other file if it has them. Keys
   * that no file has are named in the report, and stay reported lost until they are written or cleared. Pages that the
   * device refuses for good are left alone, and what they held is stored elsewhere.
   */
  async repair(): Promise<StoreRepairReport> {
    this.#state.requireWritable();
    return this.#checkpoints.beside(() => this.#repair());
  }

  /** Returns the kind of page in each slot of the data file. */
  slots(): SlotKind[] {
    const { slots } = this.#state.pool;
    const unusable = new Set(slots.unusable);
    return Array.from({ length: slots.count }, (_, slot) => {
      if (slot === 0) return 'header';
      if (slots.leaves.has(slot)) return 'leaf';
      if (unusable.has(slot)) return 'unusable';
      return slots.isUsed(slot) ? 'value' : 'free';
    });
  }

  /** Ends the use of the store, after batches and checkpoints that have begun. The files stay open. */
  async close(): Promise<void> {
    if (this.#state.isClosed) return;
    this.#state.isClosed = true;
    try {
      await this.#batches.ended();
      await this.#checkpoints.ended();
      this.#state.log.wal.close();
    } finally {
      this.#claim.release();
    }
  }

  async #repair(): Promise<StoreRepairReport> {
    const { pool, tree } = this.#state;
    const { slots } = pool;
    const log = await this.#state.log.turns.take(() => this.#state.log.wal.repair());
    const pages = await repairPages(pool, this.#state.checkpoint, this.#state.lastGeneration);
    const failed = new Set(pages.failed.map(({ slot }) => slot));
    for (const slot of failed) slots.setUnusable(slot);
    for (const slot of slots.unusable) if (!failed.has(slot)) slots.setUsable(slot);
    const bad = new Set([...failed, ...pages.lost.map(({ slot }) => slot)]);
    const lostValues = moveAway(pool, tree, bad);
    pool.files.damage.clear();
    // Records that the log has lost are in memory: what they said must be stored before the next start misses them.
    if (bad.size > 0 || log.lost.length > 0) await this.#checkpoints.store(true);
    return { ...pages, lostKeys: [...this.lostKeys(), ...lostValues], log };
  }
}
