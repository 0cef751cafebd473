/** A state of the store that stays as it is while writers go on. */
import type { Bytes } from './bytes.js';
import { compareBytes, lowerBound } from './bytes.js';
import type { Entry, RangeOptions } from './cursor.js';
import { Cursor, keyRangeOf } from './cursor.js';
import type { Entries, Value } from './leaf-page.js';
import type { Leaf, Node } from './node.js';
import { leafFor } from './node.js';
import { LostKeysError } from './pages-error.js';

/** The part of the store that readers use. */
export interface ReadSource {
  readonly path: string;
  load(leaf: Leaf): Entries;
  valueOf(key: Bytes, value: Exclude<Value, undefined>): Bytes;
}

/** Returns the entry of the key. Throws LostKeysError if it is lost. */
export function findValue(source: ReadSource, root: Node, key: Bytes): Value {
  const leaf = leafFor(root, key);
  const { keys, values } = source.load(leaf);
  const index = lowerBound(keys, key);
  if (index < keys.length && compareBytes(keys[index] as Bytes, key) === 0) return values[index];
  if (leaf.lost) throw new LostKeysError(source.path, leaf.low, leaf.high, leaf.cause);
  return undefined;
}

/** Entries of a range, one after the other. */
export class EntryCursor {
  readonly #source: ReadSource;
  readonly #cursor: Cursor;

  constructor(source: ReadSource, root: Node, options: RangeOptions) {
    this.#source = source;
    this.#cursor = new Cursor(source, root, keyRangeOf(options), options.reverse ?? false);
  }

  /**
   * Returns the next entry; undefined at the end. `withValue` false leaves the value out, and does not read its pages.
   * Throws LostKeysError once for each range of lost keys, and for each lost value; the next call goes on after it.
   */
  next(withValue: false): { readonly key: Bytes } | undefined;
  next(withValue?: true): Entry | undefined;
  next(withValue = true): { readonly key: Bytes; readonly value?: Bytes } | undefined {
    const found = this.#cursor.next();
    if (found === undefined) return undefined;
    const key = Buffer.from(found.key);
    return withValue ? { key, value: this.#source.valueOf(key, found.value as Exclude<Value, undefined>) } : { key };
  }

  /** Goes on at `target`, or at the next key in the cursor's direction; ends if `target` is outside of the range. */
  seek(target: Bytes): void {
    this.#cursor.seek(target);
  }
}

export class Snapshot {
  /** Pages retired in this epoch of the tree, or later, may be needed here. */
  readonly epoch: number;
  readonly #source: ReadSource;
  readonly #root: Node;
  readonly #onClose: (snapshot: Snapshot) => void;
  #closed = false;

  constructor(source: ReadSource, root: Node, epoch: number, onClose: (snapshot: Snapshot) => void) {
    this.epoch = epoch;
    this.#source = source;
    this.#root = root;
    this.#onClose = onClose;
  }

  /** Returns a copy of the value, undefined if the key is absent. Throws LostKeysError if no file has its page. */
  get(key: Bytes): Bytes | undefined {
    this.#requireOpen();
    const value = findValue(this.#source, this.#root, key);
    return value === undefined ? undefined : this.#source.valueOf(key, value);
  }

  /** True if the key has a value, readable or not. Throws LostKeysError if no file has its page. */
  has(key: Bytes): boolean {
    this.#requireOpen();
    return findValue(this.#source, this.#root, key) !== undefined;
  }

  cursor(options: RangeOptions = {}): EntryCursor {
    this.#requireOpen();
    return new EntryCursor(this.#source, this.#root, options);
  }

  /** Lets the store use again what only this state needed. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #requireOpen(): void {
    if (this.#closed) throw new TypeError('the snapshot is closed');
  }
}
