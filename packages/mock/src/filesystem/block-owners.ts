/** Counts the files that own each block of the device: none if it is free, more than one if they share it (reflink). */
import type { BlockRun, FreePool } from './free-pool.js';

const LEAF_BLOCKS = 4096;

/** Keeps the free pool in step: the first owner takes a block out of it, the last one to leave puts it back. */
export class BlockOwners {
  readonly #counts: (Uint8Array | undefined)[] = [];
  readonly #pool: FreePool;

  constructor(pool: FreePool) {
    this.#pool = pool;
  }

  /** The pool is copied by who owns it. */
  copyFrom(other: BlockOwners): void {
    other.#counts.forEach((leaf, index) => {
      this.#counts[index] = leaf?.slice();
    });
  }

  of(block: number): number {
    return this.#counts[Math.floor(block / LEAF_BLOCKS)]?.[block % LEAF_BLOCKS] ?? 0;
  }

  add(run: BlockRun): void {
    this.#forEachFree(run, (free) => {
      this.#pool.take(free);
    });
    this.#change(run, 1);
  }

  /** `by` is the inode that lets go. */
  remove(run: BlockRun, by: number): void {
    this.#change(run, -1);
    this.#forEachFree(run, (free) => {
      this.#pool.release(free, by);
    });
  }

  #change(run: BlockRun, change: 1 | -1): void {
    for (let block = run.start; block < run.start + run.count; block++) {
      const index = Math.floor(block / LEAF_BLOCKS);
      const leaf = this.#counts[index] ?? new Uint8Array(LEAF_BLOCKS);
      const owners = (leaf[block % LEAF_BLOCKS] ?? 0) + change;
      if (owners > 255) throw new RangeError('the mock keeps at most 255 files that share a block');
      leaf[block % LEAF_BLOCKS] = owners;
      this.#counts[index] = leaf;
    }
  }

  /** Visits the longest runs of blocks that no file owns. */
  #forEachFree(run: BlockRun, visit: (free: BlockRun) => void): void {
    const end = run.start + run.count;
    for (let start = run.start; start < end; ) {
      if (this.of(start) !== 0) {
        start++;
        continue;
      }
      let stop = start + 1;
      while (stop < end && this.of(stop) === 0) stop++;
      visit({ start, count: stop - start });
      start = stop;
    }
  }
}
