/**
 * Names for physical blocks. Addresses differ from one filesystem to the next; what can be compared is which blocks are
 * the same. Blocks are numbered in the order in which a scenario first looks at them: `block 1`, `block 2`, …
 */
import type { ByteRange } from '@safe-pmem/core';
import { rangeEnd } from '@safe-pmem/core';
import { pageBytes } from './file-steps.js';

export class BlockNames {
  readonly #names = new Map<number, string>();

  /** The name of the block that holds a byte of the device. */
  of(physicalOffset: number): string {
    const index = Math.floor(physicalOffset / pageBytes);
    const known = this.#names.get(index);
    if (known !== undefined) return known;
    const name = `block ${this.#names.size + 1}`;
    this.#names.set(index, name);
    return name;
  }

  /** Device ranges as bytes of named blocks: `block 1 [512, 1024)`. */
  describe(ranges: readonly ByteRange[]): string[] {
    const described: string[] = [];
    for (const range of ranges) {
      for (let start = range.offset; start < rangeEnd(range); ) {
        const blockStart = Math.floor(start / pageBytes) * pageBytes;
        const end = Math.min(rangeEnd(range), blockStart + pageBytes);
        described.push(`${this.of(start)} [${start - blockStart}, ${end - blockStart})`);
        start = end;
      }
    }
    return described;
  }
}
