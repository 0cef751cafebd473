import type { AbstractIteratorOptions } from 'abstract-level';
import { AbstractIterator } from 'abstract-level';
import type { EntryCursor, Snapshot } from '../pages/index.js';
import { keyRangeOf, LostKeysError } from '../pages/index.js';
import { LossError } from './loss-error.js';

type EncodedOptions = AbstractIteratorOptions<Buffer, Buffer>;
type EncodedEntry = [Buffer | undefined, Buffer | undefined];

/** Between so many entries of all() the event loop gets its turn. */
const ENTRIES_A_TURN = 1024;

/** The error of an iterator whose signal was aborted, as abstract-level prescribes it. */
class AbortError extends Error {
  readonly code = 'LEVEL_ABORTED';

  constructor(cause: unknown) {
    super('Operation has been aborted', { cause });
    this.name = 'AbortError';
  }
}

export class PmemIterator<Database, K, V> extends AbstractIterator<Database, K, V> {
  /** Made when it is needed: the snapshot may be closed by then, which abstract-level notices. */
  readonly #makeCursor: () => EntryCursor;
  #cursor: EntryCursor | undefined;
  readonly #withValues: boolean;
  readonly #signal: AbortSignal | undefined;
  readonly #release: () => void;
  /** Of a seek() since the last read. */
  #target: Buffer | undefined;
  /** Met after entries that had to be returned first. */
  #postponed: LossError | undefined;

  /** @param release called when the iterator is closed */
  constructor(db: Database, options: EncodedOptions, snapshot: Snapshot, release: () => void) {
    super(db, options as AbstractIteratorOptions<unknown, unknown> as AbstractIteratorOptions<K, V>);
    const { from, to } = keyRangeOf(options);
    this.#makeCursor = () => snapshot.cursor({ gte: from, lt: to, reverse: options.reverse });
    this.#withValues = options.values !== false;
    this.#signal = options.signal;
    this.#release = release;
  }

  async _next(): Promise<EncodedEntry | undefined> {
    if (this.#signal !== undefined) await this.#turn();
    const [entry] = this.#take(1);
    return entry;
  }

  async _nextv(size: number): Promise<EncodedEntry[]> {
    if (this.#signal !== undefined) await this.#turn();
    return this.#take(size);
  }

  async _all(): Promise<EncodedEntry[]> {
    const all: EncodedEntry[] = [];
    const most = this.limit - this.count;
    while (all.length < most) {
      await this.#turn();
      const some = this.#take(Math.min(ENTRIES_A_TURN, most - all.length));
      if (some.length === 0) break;
      all.push(...some);
    }
    return all;
  }

  _seek(target: Buffer): void {
    this.#postponed = undefined;
    // Not before the next read: an explicit snapshot may be closed by now, and abstract-level tells the reader.
    this.#target = Buffer.from(target);
  }

  _close(): Promise<void> {
    this.#release();
    return Promise.resolve();
  }

  /**
   * Reads up to `count` entries. A loss after the first of them is thrown by the next call, so that they are returned.
   */
  #take(count: number): EncodedEntry[] {
    const taken: EncodedEntry[] = [];
    const cursor = (this.#cursor ??= this.#makeCursor());
    if (this.#target !== undefined) cursor.seek(this.#target);
    this.#target = undefined;
    while (taken.length < count && this.#postponed === undefined) {
      try {
        const entry = this.#withValues ? cursor.next() : cursor.next(false);
        if (entry === undefined) return taken;
        taken.push([entry.key as Buffer, 'value' in entry ? (entry.value as Buffer) : undefined]);
      } catch (error) {
        if (!(error instanceof LostKeysError)) throw error;
        this.#postponed = new LossError(error);
      }
    }
    const loss = this.#postponed;
    if (loss === undefined || taken.length > 0) return taken;
    this.#postponed = undefined;
    throw loss;
  }

  async #turn(): Promise<void> {
    await new Promise(setImmediate);
    if (this.#signal?.aborted === true) throw new AbortError(this.#signal.reason);
  }
}
