/**
 * The pages of one mapping that are present, and the blocks that they lead to. The kernel looks at its bad-block list
 * when it makes a page present and never again: a page that was present before the block was listed goes on working.
 */
import { hugePageBlocks } from '../hardware/geometry.js';

/** A page that is not present: the next access asks the kernel. */
export const ABSENT = 0;
/** A hole or unwritten block that was loaded from: zeros, and a store asks the kernel. */
export const ZERO_PAGE = -1;

/** Poisoned in this mapping alone, as UFFDIO_POISON does it: gone when the page is mapped again. */
export const POISON_MARKER = -2;

/** Entry of a page that leads to `block` on the device. */
export function presentEntry(block: number, writable: boolean): number {
  return ((block + 1) << 1) | (writable ? 1 : 0);
}

export function entryBlock(entry: number): number {
  return (entry >> 1) - 1;
}

export function entryWritable(entry: number): boolean {
  return entry > 0 && (entry & 1) === 1;
}

export class PageTable {
  /** Pages of a leaf: those of a huge page. */
  readonly #leafPages: number;
  readonly #leaves: (Int32Array | undefined)[] = [];
  /** Leaves that one entry stands for: 2 MiB. */
  readonly #huge = new Set<number>();

  constructor(blockBytes: number) {
    this.#leafPages = hugePageBlocks(blockBytes);
  }

  entry(page: number): number {
    return this.#leaves[Math.floor(page / this.#leafPages)]?.[page % this.#leafPages] ?? ABSENT;
  }

  set(page: number, entry: number): void {
    const index = Math.floor(page / this.#leafPages);
    const leaf = this.#leaves[index] ?? new Int32Array(this.#leafPages);
    leaf[page % this.#leafPages] = entry;
    this.#leaves[index] = leaf;
  }

  /** One entry maps the 2 MiB that begin with page `first`. */
  setHuge(first: number, entryOf: (index: number) => number): void {
    const index = first / this.#leafPages;
    this.#leaves[index] = Int32Array.from({ length: this.#leafPages }, (_, at) => entryOf(at));
    this.#huge.add(index);
  }

  isHuge(page: number): boolean {
    return this.#huge.has(Math.floor(page / this.#leafPages));
  }

  /** Makes all of the 2 MiB around the page absent if one entry maps them, as the kernel does to replace it by many. */
  splitHuge(page: number): void {
    const index = Math.floor(page / this.#leafPages);
    if (this.#huge.delete(index)) this.#leaves[index]?.fill(ABSENT);
  }

  /** Makes every writable page read-only. */
  protect(): void {
    for (const leaf of this.#leaves) {
      leaf?.forEach((entry, page) => {
        if (entryWritable(entry)) leaf[page] = presentEntry(entryBlock(entry), false);
      });
    }
  }

  /** Makes pages absent, and with them the rest of 2 MiB that one entry maps. */
  invalidate(page: number, count: number): void {
    const end = Math.min(page + count, this.#leaves.length * this.#leafPages);
    for (let at = page; at < end; ) {
      const index = Math.floor(at / this.#leafPages);
      const stop = Math.min(end, (index + 1) * this.#leafPages);
      this.splitHuge(at);
      this.#leaves[index]?.fill(ABSENT, at % this.#leafPages, at % this.#leafPages + (stop - at));
      at = stop;
    }
  }
}
