import type {
  AbstractBatchOperation,
  AbstractDatabaseOptions,
  AbstractIteratorOptions,
  AbstractOpenOptions,
  AbstractReadOptions,
} from 'abstract-level';
import { AbstractLevel } from 'abstract-level';
import type { Driver } from '@safe-pmem/core';
import type { Change, Snapshot, StoreRepairReport } from '../pages/index.js';
import { LostKeysError, PageStore } from '../pages/index.js';
import { checkOptions, checkPlace } from './check-options.js';
import { LossError } from './loss-error.js';
import { PmemChainedBatch } from './pmem-chained-batch.js';
import { PmemIterator } from './pmem-iterator.js';
import { PmemSnapshot, stateOf } from './pmem-snapshot.js';
import { DatabaseFiles } from './store-files.js';

export interface PmemLevelOptions<K = string, V = string> extends AbstractDatabaseOptions<K, V> {
  readonly driver: Driver;
  /** Path prefix of the mirror files, on another device if they are to help. Default: the location. */
  readonly mirrorLocation?: string | undefined;
  /** False: pages have no mirror, and a bad page loses its keys. The log always has one. Default true. */
  readonly mirror?: boolean | undefined;
  /** Size of a new log. A batch must fit into about half of it. Default 4 MiB. */
  readonly logBytes?: number | undefined;
  /**
   * Make new files for those that are gone, or are not part of the database any more, and fill them with what their twins
   * hold: the way back after one of the two devices was replaced. Files that are whole are left alone. Default false.
   */
  readonly attachMirror?: boolean | undefined;
  /** Repair damaged pages as soon as a read or open() has met them. Default true. */
  readonly autoRepair?: boolean | undefined;
  /** Number of unchanged leaves that stay in memory, 4 KiB each and more. Default 4096. */
  readonly cachedLeaves?: number | undefined;
  /**
   * Milliseconds that a flush of the log may block this thread. After two in a row that took longer, flushes run off
   * it until one is quick again. 0: always off it. Infinity: always on it. Default 1.
   */
  readonly blockMs?: number | undefined;
}

type EncodedRange = Pick<AbstractIteratorOptions<Buffer, Buffer>, 'gt' | 'gte' | 'lt' | 'lte' | 'reverse' | 'limit'>;

const LOG_BYTES = 4 * 1024 * 1024;
/** Keys that clear() with a limit or a snapshot deletes at a time. */
const CLEARED_AT_A_TIME = 1000;

const manifest = {
  encodings: { buffer: true },
  implicitSnapshots: true,
  explicitSnapshots: true,
  has: true,
  getSync: true,
  seek: true,
  permanence: true,
  createIfMissing: true,
  errorIfExists: true,
  signals: { iterators: true },
  additionalMethods: { repair: true, checkpoint: true },
  events: { repair: true },
};

/**
 * A Level database in persistent memory: an abstract-level over a PageStore. Keys are at most 1000 bytes long.
 *
 * If the medium has lost bytes that no other file has, exactly the keys in them give a LossError, whose cause is the
 * MediaError. Emits `repair` with a StoreRepairReport after each repair that it has made by itself.
 */
export class PmemLevel<K = string, V = string> extends AbstractLevel<Buffer, K, V> {
  /** Path prefix of the files. */
  readonly location: string;
  readonly #options: PmemLevelOptions<unknown, unknown>;
  #files: DatabaseFiles | undefined;
  #store: PageStore | undefined;
  #healing: Promise<void> | undefined;
  /** Damage that a repair could do nothing about. */
  readonly #beyondRepair = new Set<string>();

  /**
   * The files are `<location>.pages`, `<location>.log` and their mirrors. Opens by itself, as every Level does.
   *
   * Throws TypeError if `location` is no non-empty string or ends with a slash, and for options of a wrong type.
   */
  constructor(location: string, options: PmemLevelOptions<K, V>) {
    checkPlace('location', location);
    checkOptions(options);
    // Options that are not meant for this class go on to hooks of open().
    const {
      driver, mirrorLocation, mirror, logBytes, attachMirror, autoRepair, cachedLeaves, blockMs, ...others
    } = options;
    super(manifest, others);
    this.location = location;
    this.#options = { driver, mirrorLocation, mirror, logBytes, attachMirror, autoRepair, cachedLeaves, blockMs };
  }

  /** Repairs every damaged page of every file. See PageStore.repair(). */
  async repair(): Promise<StoreRepairReport> {
    if (this.status === 'opening') return this.deferAsync(() => this.repair());
    return this.#repair(this.#opened());
  }

  /** Stores changes in pages, and empties the log. It happens by itself when the log is half full. */
  async checkpoint(): Promise<void> {
    if (this.status === 'opening') return this.deferAsync(() => this.checkpoint());
    return this.#opened().checkpoint();
  }

  async _open(options: AbstractOpenOptions): Promise<void> {
    const { driver, mirror = true, mirrorLocation = this.location, logBytes = LOG_BYTES } = this.#options;
    const { attachMirror = false, cachedLeaves = 4096, blockMs = 1 } = this.#options;
    const { createIfMissing = true, errorIfExists = false } = options;
    const { location } = this;
    const places = { driver, location, mirrorLocation, mirror, logBytes };
    const files = await DatabaseFiles.open({ ...places, createIfMissing, errorIfExists, attachMirror });
    try {
      const create = createIfMissing;
      this.#store = await PageStore.open({ ...files.files, create, attachMirror, cachedLeaves, blockMs });
      this.#files = files;
    } catch (error) {
      await files.discard();
      throw error;
    }
    this.#healSoon();
    await this.#healing;
  }

  async _close(): Promise<void> {
    await this.#healing;
    const [store, files] = [this.#opened(), this.#files];
    this.#store = undefined;
    this.#files = undefined;
    try {
      await store.close();
    } finally {
      // A file that stays open stays locked, and the database could not be opened again.
      await files?.close();
    }
  }

  async _get(key: Buffer, options: AbstractReadOptions): Promise<Buffer | undefined> {
    return Promise.resolve(this._getSync(key, options));
  }

  _getSync(key: Buffer, options: AbstractReadOptions): Buffer | undefined {
    return this.#reading(() => this.#stateOf(options).get(key)) as Buffer | undefined;
  }

  async _getMany(keys: readonly Buffer[], options: AbstractReadOptions): Promise<(Buffer | undefined)[]> {
    return Promise.resolve(keys.map((key) => this._getSync(key, options)));
  }

  async _has(key: Buffer, options: AbstractReadOptions): Promise<boolean> {
    return Promise.resolve(this.#reading(() => this.#stateOf(options).has(key)));
  }

  async _hasMany(keys: readonly Buffer[], options: AbstractReadOptions): Promise<boolean[]> {
    return Promise.all(keys.map((key) => this._has(key, options)));
  }

  async _put(key: Buffer, value: Buffer): Promise<void> {
    await this.#opened().put(key, value);
  }

  async _del(key: Buffer): Promise<void> {
    await this.#opened().del(key);
  }

  async _batch(operations: readonly AbstractBatchOperation<this, Buffer, Buffer>[]): Promise<void> {
    await this.#opened().batch(operations.map((operation) => changeOf(operation)));
  }

  _chainedBatch(): PmemChainedBatch<this, K, V> {
    return new PmemChainedBatch<this, K, V>(this, (changes) => this.#opened().batch(changes));
  }

  /** Without limit and snapshot it is one record in the log, and lost keys of the range are forgotten too. */
  async _clear(options: EncodedRange & AbstractReadOptions): Promise<void> {
    const store = this.#opened();
    if (options.limit === -1 && options.snapshot === undefined) return store.clear(options);
    const state = options.snapshot === undefined ? store.snapshot() : stateOf(options.snapshot);
    try {
      const cursor = state.cursor(options);
      let left = options.limit === -1 ? Infinity : (options.limit ?? 0);
      for (let batch: Change[] = []; left > 0; batch = []) {
        while (batch.length < Math.min(left, CLEARED_AT_A_TIME)) {
          const entry = this.#reading(() => cursor.next(false));
          if (entry === undefined) break;
          batch.push({ type: 'del', key: entry.key });
        }
        left = batch.length === 0 ? 0 : left - batch.length;
        await store.batch(batch);
      }
    } finally {
      if (options.snapshot === undefined) state.close();
    }
  }

  _iterator(options: AbstractIteratorOptions<Buffer, Buffer>): PmemIterator<PmemLevel<K, V>, K, V> {
    if (options.snapshot !== undefined) {
      return new PmemIterator<PmemLevel<K, V>, K, V>(this, options, stateOf(options.snapshot), () => {
        this.#healSoon();
      });
    }
    const snapshot = this.#opened().snapshot();
    return new PmemIterator<PmemLevel<K, V>, K, V>(this, options, snapshot, () => {
      snapshot.close();
      this.#healSoon();
    });
  }

  _snapshot(options: object): PmemSnapshot {
    return new PmemSnapshot(options, this.#opened().snapshot());
  }

  #opened(): PageStore {
    if (this.#store === undefined) throw Object.assign(new Error('Database is not open'), { code: 'LEVEL_DATABASE_NOT_OPEN' });
    return this.#store;
  }

  #stateOf({ snapshot }: AbstractReadOptions): Pick<Snapshot, 'get' | 'has'> {
    return snapshot === undefined ? this.#opened() : stateOf(snapshot);
  }

  /** Loads are synchronous. A repair in the background brings back what a file did not have. */
  #reading<Result>(read: () => Result): Result {
    try {
      return read();
    } catch (error) {
      throw error instanceof LostKeysError ? new LossError(error) : error;
    } finally {
      this.#healSoon();
    }
  }

  async #repair(store: PageStore): Promise<StoreRepairReport> {
    const report = await store.repair();
    for (const { role, slot } of [...report.lost, ...report.failed]) this.#beyondRepair.add(`${role} ${slot}`);
    return report;
  }

  /** One repair at a time, and none for what one could do nothing about. */
  #healSoon(): void {
    const store = this.#store;
    if (store === undefined || !store.isDamaged || this.#options.autoRepair === false || this.#healing !== undefined) return;
    if (store.damage.every(({ role, slot }) => this.#beyondRepair.has(`${role} ${slot}`))) return;
    const noted = store.damage.map(({ role, slot }) => `${role} ${slot}`);
    this.#healing = this.#repair(store)
      .then((report) => {
        this.emit('repair', report);
      })
      .catch(() => {
        // Left as it is; repair() says why.
        for (const place of noted) this.#beyondRepair.add(place);
      })
      .finally(() => {
        this.#healing = undefined;
      });
  }
}

function changeOf(operation: AbstractBatchOperation<unknown, Buffer, Buffer>): Change {
  if (operation.type === 'del') return { type: 'del', key: operation.key };
  return { type: 'put', key: operation.key, value: operation.value };
}
