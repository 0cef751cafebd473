/** Entries of leaves that were read from their pages, as many as there is room for. */
import type { Leaf } from './node.js';

export class LeafCache {
  readonly #leavesMax: number;
  readonly #leaves = new Set<Leaf>();

  constructor(leavesMax: number) {
    this.#leavesMax = leavesMax;
  }

  /**
   * Keeps a leaf whose entries were just read, and forgets the entries of the leaves that were not read for longest.
   */
  add(leaf: Leaf): void {
    this.#leaves.add(leaf);
    while (this.#leaves.size > this.#leavesMax) {
      const [oldest] = this.#leaves as Iterable<Leaf> as [Leaf];
      this.#leaves.delete(oldest);
      if (oldest.used && oldest.place !== undefined) {
        oldest.used = false;
        this.#leaves.add(oldest);
      } else if (oldest.place !== undefined) {
        oldest.entries = undefined;
      }
    }
  }
}
