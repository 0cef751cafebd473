import type { ByteRange } from '../ranges/byte-range.js';
import { rangeEnd } from '../ranges/byte-range.js';
import { isAllOf } from './repair-unit.js';

/**
 * What the units of one batch are to hold, in one buffer: thousands of small ones would keep the garbage collector busy. Units
 * of which nothing is left share one content; memory that no unit needs is not taken.
 */
export class UnitContents {
  readonly #totalBytes: number;
  readonly #fill: number | undefined;
  #all: Uint8Array | undefined;
  #used = 0;
  #lostUnit: Uint8Array | undefined;

  /** `fill` stands for what is lost; undefined: each unit gets bytes of its own. */
  constructor(totalBytes: number, fill: number | undefined) {
    this.#totalBytes = totalBytes;
    this.#fill = fill;
  }

  /** The content of a unit that gave `found`, but for what it lost. */
  keep(unit: ByteRange, found: Uint8Array, lost: readonly ByteRange[]): Uint8Array {
    const isWhollyLost = isAllOf(unit, lost);
    if (isWhollyLost && this.#fill !== undefined) return this.#lost(unit.length, this.#fill);
    this.#all ??= new Uint8Array(this.#totalBytes);
    const content = this.#all.subarray(this.#used, (this.#used += unit.length));
    if (!isWhollyLost) content.set(found);
    // What a failed load has left there is not specified, and journals and receipts must be reproducible.
    for (const range of lost) content.fill(this.#fill ?? 0, range.offset - unit.offset, rangeEnd(range) - unit.offset);
    return content;
  }

  /** The last unit of a file may be shorter than those before it. */
  #lost(length: number, fill: number): Uint8Array {
    if (this.#lostUnit?.length !== length) this.#lostUnit = new Uint8Array(length).fill(fill);
    return this.#lostUnit;
  }
}
