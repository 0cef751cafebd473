/** Going through a range of keys, in one direction, in a state of the store that does not change. */
import type { Bytes } from './bytes.js';
import { NO_BYTES, compareBytes, copyOf, keyAfter, lowerBound, requireBytes } from './bytes.js';
import type { Entries, Value } from './leaf-page.js';
import type { Leaf, Node } from './node.js';
import { leafBefore, leafFor } from './node.js';
import { LostKeysError } from './pages-error.js';

/** The keys of a range, and their order. If both bounds of one end are given, `gte` and `lte` hold, as in Level. */
export interface RangeOptions {
  readonly gt?: Bytes | undefined;
  readonly gte?: Bytes | undefined;
  readonly lt?: Bytes | undefined;
  readonly lte?: Bytes | undefined;
  /** From the last key to the first. Default false. */
  readonly reverse?: boolean | undefined;
}

export interface Entry {
  readonly key: Bytes;
  readonly value: Bytes;
}

/** Keys from `from` up to, but without, `to`; undefined: no end. */
export interface KeyRange {
  readonly from: Bytes;
  readonly to: Bytes | undefined;
}

/** Copies the bounds, since the caller may use their memory again. Throws TypeError for one that is not bytes. */
export function keyRangeOf({ gt, gte, lt, lte }: RangeOptions): KeyRange {
  for (const bound of [gt, gte, lt, lte]) if (bound !== undefined) requireBytes(bound, 'a bound');
  const after = gt === undefined ? NO_BYTES : keyAfter(gt);
  const before = lt === undefined ? undefined : copyOf(lt);
  return { from: gte === undefined ? after : copyOf(gte), to: lte === undefined ? before : keyAfter(lte) };
}

/** The part of the store that a cursor reads. */
export interface CursorSource {
  readonly path: string;
  load(leaf: Leaf): Entries;
}

export class Cursor {
  readonly #source: CursorSource;
  readonly #root: Node;
  readonly #range: KeyRange;
  readonly #reverse: boolean;
  /** The next key: keys from here (forward) or before here (reverse; undefined: no end). */
  #position: Bytes | undefined;
  #leaf: Leaf | undefined;
  #entries: Entries | undefined;
  #index = 0;
  #ended: boolean;

  constructor(source: CursorSource, root: Node, range: KeyRange, reverse: boolean) {
    this.#source = source;
    this.#root = root;
    this.#range = range;
    this.#reverse = reverse;
    this.#position = reverse ? range.to : range.from;
    this.#ended = range.to !== undefined && compareBytes(range.from, range.to) >= 0;
  }

  /** Goes on at `target`, or at the next key in the cursor's direction; ends if `target` is outside of the range. */
  seek(target: Bytes): void {
    const { from, to } = this.#range;
    this.#leaf = undefined;
    this.#entries = undefined;
    this.#position = this.#reverse ? keyAfter(target) : copyOf(target);
    this.#ended = compareBytes(target, from) < 0 || (to !== undefined && compareBytes(target, to) >= 0);
  }

  /**
   * Returns the next key and its entry; undefined at the end. Throws LostKeysError once for each range of lost keys
   * that it meets; the call after that goes on with what is left.
   */
  next(): { readonly key: Bytes; readonly value: Value } | undefined {
    while (!this.#ended) {
      const entries = this.#entries ?? this.#enterLeaf();
      const key = entries.keys[this.#index];
      if (key === undefined || !this.#isInRange(key)) {
        this.#leaveLeaf(this.#leaf as Leaf);
        continue;
      }
      const value = entries.values[this.#index];
      this.#index += this.#reverse ? -1 : 1;
      if (value !== undefined) return { key, value };
    }
    return undefined;
  }

  #enterLeaf(): Entries {
    const leaf = this.#reverse ? leafBefore(this.#root, this.#position) : leafFor(this.#root, this.#position ?? NO_BYTES);
    this.#leaf = leaf;
    try {
      this.#entries = this.#source.load(leaf);
    } catch (error) {
      this.#leaveLeaf(leaf);
      throw error instanceof LostKeysError ? this.#lost(leaf, error.cause) : error;
    }
    const { keys } = this.#entries;
    if (!this.#reverse) this.#index = lowerBound(keys, this.#position ?? NO_BYTES);
    else this.#index = (this.#position === undefined ? keys.length : lowerBound(keys, this.#position)) - 1;
    if (leaf.lost) throw this.#lost(leaf, leaf.cause);
    return this.#entries;
  }

  #leaveLeaf(leaf: Leaf): void {
    const { from, to } = this.#range;
    this.#leaf = undefined;
    this.#entries = undefined;
    this.#position = this.#reverse ? leaf.low : leaf.high;
    if (this.#reverse) this.#ended = compareBytes(leaf.low, from) <= 0;
    else this.#ended = leaf.high === undefined || (to !== undefined && compareBytes(leaf.high, to) >= 0);
  }

  #isInRange(key: Bytes): boolean {
    const { from, to } = this.#range;
    if (this.#reverse) return compareBytes(key, from) >= 0;
    return to === undefined || compareBytes(key, to) < 0;
  }

  /** Returns the lost keys of a leaf, as far as they lie in the range. */
  #lost(leaf: Leaf, cause: unknown): LostKeysError {
    const { from, to } = this.#range;
    const start = compareBytes(leaf.low, from) < 0 ? from : leaf.low;
    const end = to !== undefined && (leaf.high === undefined || compareBytes(to, leaf.high) < 0) ? to : leaf.high;
    return new LostKeysError(this.#source.path, start, end, cause);
  }
}
