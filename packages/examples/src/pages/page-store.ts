import type { Bytes } from './bytes.js';
import { slotsOfPlan, storeLeaves } from './checkpoint.js';
import type { StoredLeaf } from './checkpoint.js';
import type { KeyRange, RangeOptions } from './cursor.js';
import { keyRangeOf } from './cursor.js';
import { KEY_BYTES_MAX, PAGE_BYTES } from './format.js';
import type { Change, Checkpoint } from './log-record.js';
import { changesOf, checkpointBytesOf, encodeBatch, encodeCheckpoint } from './log-record.js';
import { moveAway } from './move-away.js';
import { changedLeavesOf, leavesOf, markStored } from './node.js';
import type { PageDamage } from './page-files.js';
import type { PagePool } from './page-pool.js';
import type { PagesErrorCode } from './pages-error.js';
import { PagesError } from './pages-error.js';
import type { StoreRepairReport } from './repair-store.js';
import { repairPages } from './repair-store.js';
import { findValue, Snapshot } from './snapshot.js';
import type { StartedStore } from './start-store.js';
import { startStore } from './start-store.js';
import type { StoreLog } from './store-log.js';
import { ringBytesOf } from './store-log.js';
import type { StoreOptions } from './store-options.js';
import { Tree } from './tree.js';
import { Turns } from './turns.js';

/** What a slot of the data file holds. */
export type SlotKind = 'header' | 'leaf' | 'value' | 'free' | 'unusable';

interface WaitingBatch {
  readonly record: Buffer;
  readonly changes: readonly Change[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A sorted map from byte strings to byte strings in pages of persistent memory, under a write-ahead log. Whatever was
 * acknowledged is returned, or reported lost by its key; never neither, never wrong.
 *
 * One process has a store open at a time, and nothing here enforces it. Readers never wait for writers.
 */
export class PageStore {
  readonly #pool: PagePool;
  readonly #log: StoreLog;
  readonly #tree: Tree;
  /** Checkpoints and repairs, which move pages. */
  readonly #maintenance = new Turns();
  readonly #readers = new Set<Snapshot>();
  #checkpoint: Checkpoint;
  readonly #waiting: WaitingBatch[] = [];
  #writing: Promise<void> | undefined;
  #checkpointing = false;
  #failure: unknown;
  /** A batch is in the log, and in memory by half. */
  #torn = false;
  #closed = false;

  private constructor({ pool, log, root, checkpoint, batches }: StartedStore) {
    this.#pool = pool;
    this.#log = log;
    this.#checkpoint = checkpoint;
    this.#tree = new Tree(root, 0, pool);
    pool.epoch = () => this.#tree.epoch;
    for (const changes of batches) for (const change of changes) this.#tree.apply(change);
  }

  /**
   * Opens the store: reads every page that the last checkpoint names, then applies the batches that came after it.
   * Pages that one file has lost are read from the other one; nothing is repaired before repair().
   *
   * Throws PagesError: ERR_PAGES_NOT_FORMATTED (no store, and no `create`), ERR_PAGES_FOREIGN (the files hold something
   * else, or do not belong together), ERR_PAGES_VERSION, ERR_PAGES_MIRROR_MISSING, ERR_PAGES_MIRROR_STALE,
   * ERR_PAGES_LOG_LOST (both files of the log have lost the record of the checkpoint), ERR_PAGES_BATCHES_LOST (they have
   * lost batches, see `acceptLostBatches`); a WalError where the log is not one; what the files throw.
   */
  static async open(options: StoreOptions): Promise<PageStore> {
    return new PageStore(await startStore(options));
  }

  /** True where `damage` holds anything. */
  get isDamaged(): boolean {
    return this.#pool.damage.size > 0;
  }

  /** Pages that a file did not have when they were read, since the last repair: a reason to call repair(). */
  get damage(): readonly PageDamage[] {
    return [...this.#pool.damage.values()];
  }

  /** A copy of the value, undefined where the key is absent. Throws LostKeysError where nobody knows. */
  get(key: Bytes): Bytes | undefined {
    this.#requireOpen();
    const value = findValue(this.#pool, this.#tree.root, key);
    return value === undefined ? undefined : this.#pool.valueOf(key, value);
  }

  /** True where the key has a value, readable or not. Throws LostKeysError where nobody knows. */
  has(key: Bytes): boolean {
    this.#requireOpen();
    return findValue(this.#pool, this.#tree.root, key) !== undefined;
  }

  /** The state as it is now, for as long as it is open. Costs nothing; holds on to pages that change meanwhile. */
  snapshot(): Snapshot {
    this.#requireOpen();
    const root = this.#tree.freeze();
    const snapshot = new Snapshot(this.#pool, root, this.#tree.epoch, (closed) => {
      this.#readers.delete(closed);
      this.#reclaim();
    });
    this.#readers.add(snapshot);
    return snapshot;
  }

  /** Keys that are lost at present; values that are lost alone show when they are read. Loads no pages. */
  lostKeys(): KeyRange[] {
    return [...leavesOf(this.#tree.root)].filter((leaf) => leaf.lost).map(({ low, high }) => ({ from: low, to: high }));
  }

  /**
   * Applies the changes in their order, all or none; durable and visible when it resolves. Batches of the same moment
   * share one commit. The bytes are copied before it returns.
   *
   * Rejects with ERR_PAGES_TOO_LARGE (the log never has room for it), TypeError or RangeError (a key longer than 1000
   * bytes), nothing changed; with what a checkpoint threw where one was needed to make room, nothing changed; with
   * ERR_PAGES_FAILED where a file has failed with something else than damage, such as EIO from msync: then nobody knows
   * whether the batch is durable, and the store takes no more; open it anew.
   */
  async batch(changes: readonly Change[]): Promise<void> {
    this.#requireWritable();
    if (changes.length === 0) return;
    for (const change of changes) checkChange(change);
    const record = encodeBatch(changes);
    const copied = changesOf(record);
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ record, changes: copied, resolve, reject });
      this.#writing ??= Promise.resolve().then(() => this.#write());
    });
  }

  async put(key: Bytes, value: Bytes): Promise<void> {
    await this.batch([{ type: 'put', key, value }]);
  }

  async del(key: Bytes): Promise<void> {
    await this.batch([{ type: 'del', key }]);
  }

  /** Removes the keys of the range, lost ones too: the way to accept a loss. */
  async clear(range: Pick<RangeOptions, 'gt' | 'gte' | 'lt' | 'lte'> = {}): Promise<void> {
    await this.batch([{ type: 'clear', ...keyRangeOf(range) }]);
  }

  /**
   * Stores what has changed in pages, durably, and empties the log. It happens by itself where the log is half full;
   * batches and readers go on meanwhile.
   *
   * Rejects with what the files throw, such as ERR_PMEM_NO_SPACE: nothing is lost, the log still has it all.
   */
  async checkpoint(): Promise<void> {
    this.#requireWritable();
    await this.#maintenance.take(() => this.#runCheckpoint());
  }

  /**
   * Repairs every damaged page of every file, the log's included. Bytes come from the other file, wherever it has
   * them. Keys that nobody has are named in the report, and stay reported lost until they are written or cleared.
   * Pages that the device refuses for good are left alone, and what they hold is stored elsewhere.
   */
  async repair(): Promise<StoreRepairReport> {
    this.#requireWritable();
    return this.#maintenance.take(() => this.#repair());
  }

  /** What each slot of the data file holds. */
  slots(): SlotKind[] {
    const { slots } = this.#pool;
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
    if (this.#closed) return;
    this.#closed = true;
    await this.#writing;
    await this.#maintenance.ended();
    this.#log.wal.close();
  }

  /** Commits and applies batches until none waits. Never rejects. */
  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const committed = await this.#log.turns.take(() => this.#commitSome());
      if (committed > 0) continue;
      const [first] = this.#waiting as [WaitingBatch];
      try {
        await this.#maintenance.take(() => this.#runCheckpoint());
        if (this.#hasRoomFor(first)) continue;
        first.reject(this.#error('ERR_PAGES_TOO_LARGE', `a batch of ${first.record.length} bytes never fits into the log`));
      } catch (error) {
        first.reject(error);
      }
      this.#waiting.shift();
    }
    this.#writing = undefined;
  }

  /** As many batches as the log has room for now. Returns how many were settled. */
  async #commitSome(): Promise<number> {
    let count = 0;
    try {
      for (const batch of this.#waiting) {
        this.#requireIntact();
        if (!this.#hasRoomFor(batch)) break;
        this.#log.append(batch.record);
        count++;
      }
      if (count > 0) await this.#log.commit();
      for (const { changes } of this.#waiting.slice(0, count)) this.#apply(changes);
    } catch (cause) {
      this.#failure ??= cause;
      const failed = this.#waiting.splice(0);
      for (const { reject } of failed) reject(this.#error('ERR_PAGES_FAILED', 'the files have failed', this.#failure));
      return failed.length;
    }
    for (const { resolve } of this.#waiting.splice(0, count)) resolve();
    if (!this.#checkpointing && this.#log.usedBytes * 2 > this.#log.capacityBytes) this.#checkpointSoon();
    return count;
  }

  /** What is durable already. Half of it in memory would be worse than nothing. */
  #apply(changes: readonly Change[]): void {
    this.#torn = true;
    for (const change of changes) this.#tree.apply(change);
    this.#torn = false;
  }

  /** A record of the next checkpoint, and of one more, must always find room. */
  #hasRoomFor({ record }: WaitingBatch): boolean {
    const reservedBytes = 2 * ringBytesOf(checkpointBytesOf(this.#pool.slots.count)) + PAGE_BYTES;
    return this.#log.usedBytes + ringBytesOf(record.length) + reservedBytes <= this.#log.capacityBytes;
  }

  /** An error is left to whoever needs the room that this checkpoint was to make, and meets it then. */
  #checkpointSoon(): void {
    this.#checkpointing = true;
    void this.#maintenance
      .take(() => this.#runCheckpoint())
      .catch(() => undefined)
      .finally(() => {
        this.#checkpointing = false;
      });
  }

  /** @param always also where no leaf has changed: the record itself is wanted */
  async #runCheckpoint(always = false): Promise<void> {
    this.#requireIntact();
    const { slots } = this.#pool;
    const begun = await this.#log.turns.take(() => {
      const root = this.#tree.freeze();
      const { lastSequence, mark } = this.#log;
      return Promise.resolve({ root, covers: lastSequence, logMark: mark, retired: slots.retiredMark });
    });
    const leaves = [...changedLeavesOf(begun.root)];
    if (leaves.length === 0 && !always) return;
    const generation = this.#checkpoint.generation + 1;
    const stored = await storeLeaves(this.#pool, leaves, generation);
    await this.#log.turns.take(async () => {
      const bits = slots.leavesAfter(begun.retired, stored.map(({ slot }) => slot));
      const next = { ...this.#checkpoint, generation, covers: begun.covers, slotCount: slots.count, leaves: bits.bytes };
      try {
        this.#requireIntact();
        this.#log.append(encodeCheckpoint(next));
        await this.#log.commit();
        this.#checkpoint = next;
        slots.settle(bits, begun.retired);
        this.#settle(stored, generation);
        markStored(begun.root);
        await this.#log.truncate(begun.covers, begun.logMark);
      } catch (error) {
        this.#failure ??= error;
        throw error;
      }
    });
    this.#reclaim();
  }

  /** The leaves are the same as their pages now; those that others have taken the place of are retired at once. */
  #settle(stored: readonly StoredLeaf[], generation: number): void {
    for (const plan of stored) {
      const { leaf, slot, chains } = plan;
      leaf.place = { slot, generation };
      leaf.entries = undefined;
      for (const { slots } of chains) this.#pool.chains.set(slots[0] as number, slots);
      if (leaf.superseded) this.#pool.slots.retire(slotsOfPlan(plan), this.#tree.epoch);
    }
  }

  #reclaim(): void {
    this.#pool.slots.reclaim(Math.min(...[...this.#readers].map(({ epoch }) => epoch)));
  }

  async #repair(): Promise<StoreRepairReport> {
    const { slots, damage } = this.#pool;
    const log = await this.#log.turns.take(() => this.#log.wal.repair());
    const pages = await repairPages(this.#pool, this.#checkpoint);
    const failed = new Set(pages.failed.map(({ slot }) => slot));
    for (const slot of failed) slots.setUnusable(slot);
    for (const slot of slots.unusable) if (!failed.has(slot)) slots.setUsable(slot);
    const bad = new Set([...failed, ...pages.lost.map(({ slot }) => slot)]);
    const lostValues = moveAway(this.#pool, this.#tree, bad);
    damage.clear();
    // Records that the log has lost are in memory: what they said must be stored before the next start misses them.
    if (bad.size > 0 || log.lost.length > 0) await this.#runCheckpoint(true);
    return { ...pages, lostKeys: [...this.lostKeys(), ...lostValues], log };
  }

  #requireIntact(): void {
    if (this.#failure === undefined) return;
    throw this.#error('ERR_PAGES_FAILED', 'the files have failed: open the store anew', this.#failure);
  }

  #requireWritable(): void {
    this.#requireOpen();
    this.#requireIntact();
  }

  #requireOpen(): void {
    if (this.#closed) throw this.#error('ERR_PAGES_CLOSED', 'the store is closed');
    if (this.#torn) this.#requireIntact();
  }

  #error(code: PagesErrorCode, message: string, cause?: unknown): PagesError {
    return new PagesError(code, this.#pool.path, message, cause);
  }
}

function checkChange(change: Change): void {
  if (change.type === 'clear') return;
  if (!(change.key instanceof Uint8Array)) throw new TypeError('key must be a Uint8Array');
  if (change.key.length > KEY_BYTES_MAX) throw new RangeError(`a key has at most ${KEY_BYTES_MAX} bytes, not ${change.key.length}`);
  if (change.type === 'put' && !(change.value instanceof Uint8Array)) throw new TypeError('value must be a Uint8Array');
}
