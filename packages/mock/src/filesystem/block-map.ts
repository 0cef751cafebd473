/** The blocks of one file: for each a hole, or a block of the device and its state. */

const LEAF_BLOCKS = 1024;

/** One entry: `HOLE`, or what `writtenEntry` and `unwrittenEntry` make. */
export const HOLE = 0;

export function writtenEntry(block: number): number {
  return block + 1;
}

/** Allocated and never written: reads as zeros without touching the medium. */
export function unwrittenEntry(block: number): number {
  return -(block + 1);
}

export function isUnwritten(entry: number): boolean {
  return entry < 0;
}

/** The block on the device; only for entries other than `HOLE`. */
export function mappedBlock(entry: number): number {
  return Math.abs(entry) - 1;
}

export class BlockMap {
  readonly #leaves: (Int32Array | undefined)[] = [];
  #endBlock = 0;
  /** Called after entries were changed: set while the file has views. */
  changed: ((block: number, count: number) => void) | undefined;

  /** Every block at or after this one is a hole. */
  get endBlock(): number {
    return this.#endBlock;
  }

  copyFrom(other: BlockMap): void {
    other.#leaves.forEach((leaf, index) => {
      this.#leaves[index] = leaf?.slice();
    });
    this.#endBlock = other.#endBlock;
  }

  at(block: number): number {
    return this.#leaves[Math.floor(block / LEAF_BLOCKS)]?.[block % LEAF_BLOCKS] ?? HOLE;
  }

  /** A copy of `count` entries from `block`. */
  slice(block: number, count: number): Int32Array {
    const entries = new Int32Array(count);
    for (let i = 0; i < count; i++) entries[i] = this.at(block + i);
    return entries;
  }

  set(block: number, entries: Int32Array): void {
    entries.forEach((entry, i) => {
      const index = Math.floor((block + i) / LEAF_BLOCKS);
      let leaf = this.#leaves[index];
      if (leaf === undefined) {
        if (entry === HOLE) return;
        leaf = new Int32Array(LEAF_BLOCKS);
        this.#leaves[index] = leaf;
      }
      leaf[(block + i) % LEAF_BLOCKS] = entry;
      if (entry !== HOLE) this.#endBlock = Math.max(this.#endBlock, block + i + 1);
    });
    this.changed?.(block, entries.length);
  }

  /** The first block at or after `block` that is not a hole, before `end`; undefined if all are holes. */
  nextMapped(block: number, end: number): number | undefined {
    const stop = Math.min(end, this.endBlock);
    for (let at = block; at < stop; ) {
      const leaf = this.#leaves[Math.floor(at / LEAF_BLOCKS)];
      if (leaf === undefined) at = (Math.floor(at / LEAF_BLOCKS) + 1) * LEAF_BLOCKS;
      else if (leaf[at % LEAF_BLOCKS] !== HOLE) return at;
      else at++;
    }
    return undefined;
  }
}
