import type { ByteRange } from '../ranges/byte-range.js';
import { rangeEnd } from '../ranges/byte-range.js';
import { isAllOf } from './repair-unit.js';

/** So many adjoining units of which nothing is left have contents that adjoin, and are written by one call. */
const SHARED_UNITS = 64;

/**
 * What the units of one batch are to hold, in one buffer: thousands of small ones would keep the garbage collector busy. Units
 * of which nothing is left share contents; memory that no unit needs is not taken.
 */
export class UnitContents {
  readonly #unitBytes: number;
  readonly #totalBytes: number;
  readonly #fill: number | undefined;
  #all: Uint8Array | undefined;
  #used = 0;
  readonly #shared: Uint8Array[] = [];
  #sharedBytes: Uint8Array | undefined;
  /** Of the unit that got a shared content last: its end, and which of them it was. */
  #lostEnd = -1;
  #lostIndex = 0;

  /** `fill` stands for what is lost; undefined: each unit gets bytes of its own. */
  constructor(unitBytes: number, totalBytes: number, fill: number | undefined) {
    this.#unitBytes = unitBytes;
    this.#totalBytes = totalBytes;
    this.#fill = fill;
  }

  /** The content of a unit that gave `found`, but for what it lost. */
  keep(unit: ByteRange, found: Uint8Array, lost: readonly ByteRange[]): Uint8Array {
    const isWhollyLost = isAllOf(unit, lost);
    if (isWhollyLost && this.#fill !== undefined) return this.#lost(unit, this.#fill);
    this.#all ??= new Uint8Array(this.#totalBytes);
    const content = this.#all.subarray(this.#used, (this.#used += unit.length));
    if (!isWhollyLost) content.set(found);
    // What a failed load has left there is not specified, and journals and receipts must be reproducible.
    for (const range of lost) content.fill(this.#fill ?? 0, range.offset - unit.offset, rangeEnd(range) - unit.offset);
    return content;
  }

  /** A unit that adjoins the one before it gets the content behind that one's. The last of a file may be shorter. */
  #lost({ offset, length }: ByteRange, fill: number): Uint8Array {
    const index = offset === this.#lostEnd ? (this.#lostIndex + 1) % SHARED_UNITS : 0;
    this.#lostEnd = offset + length;
    this.#lostIndex = index;
    const kept = this.#shared[index];
    if (kept?.length === length) return kept;
    const start = index * this.#unitBytes;
    this.#sharedBytes ??= new Uint8Array(Math.min(this.#totalBytes, SHARED_UNITS * this.#unitBytes)).fill(fill);
    return (this.#shared[index] = this.#sharedBytes.subarray(start, start + length));
  }
}
