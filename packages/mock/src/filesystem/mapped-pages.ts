/**
 * The pages of a DAX file that have been mapped one by one. The kernel keeps this as long as it keeps the inode, for
 * all mappings: a page that once had an entry of its own is not part of 2 MiB that one entry maps until its block
 * changes.
 */

export class MappedPages {
  readonly #hugePageBlocks: number;
  /** By the first page of the 2 MiB. */
  readonly #huge = new Map<number, 'data' | 'zeros'>();
  /** Pages that have an entry of their own, by the same. */
  readonly #single = new Map<number, Set<number>>();

  constructor(hugePageBlocks: number) {
    this.#hugePageBlocks = hugePageBlocks;
  }

  /** Some page of the 2 MiB from `first` on has an entry of its own. */
  isSplit(first: number): boolean {
    return this.#single.has(first);
  }

  addHuge(first: number, kind: 'data' | 'zeros'): void {
    this.#huge.set(first, kind);
  }

  /** A page was mapped by itself. Inside 2 MiB of data these keep their one entry; 2 MiB of zeros lose it. */
  addSingle(page: number): void {
    const first = page - (page % this.#hugePageBlocks);
    if (this.#huge.get(first) === 'data') return;
    this.#huge.delete(first);
    const pages = this.#single.get(first);
    if (pages === undefined) this.#single.set(first, new Set([page]));
    else pages.add(page);
  }

  /** The blocks of these pages change. */
  forget(page: number, count: number): void {
    const end = page + count;
    for (const first of [...this.#huge.keys()]) {
      if (first < end && first + this.#hugePageBlocks > page) this.#huge.delete(first);
    }
    for (const [first, pages] of [...this.#single]) {
      if (first >= end || first + this.#hugePageBlocks <= page) continue;
      for (const single of [...pages]) if (single >= page && single < end) pages.delete(single);
      if (pages.size === 0) this.#single.delete(first);
    }
  }
}
