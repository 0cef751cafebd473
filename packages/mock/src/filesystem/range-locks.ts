/** Write locks on ranges of one file, each owned by an open file (OFD locks). No call waits for one. */
import { type ByteRange, overlaps, subtract } from '@safe-pmem/core';

export class RangeLocks {
  readonly #held = new Map<object, ByteRange[]>();

  /** Takes the range for `owner`; false if another owner holds any byte of it. */
  lock(owner: object, range: ByteRange): boolean {
    for (const [holder, ranges] of this.#held) {
      if (holder !== owner && ranges.some((held) => overlaps(held, range))) return false;
    }
    this.#held.set(owner, [...subtract(this.#held.get(owner) ?? [], [range]), range]);
    return true;
  }

  /** Gives the bytes back that `owner` holds of the range. */
  unlock(owner: object, range: ByteRange): void {
    const rest = subtract(this.#held.get(owner) ?? [], [range]);
    if (rest.length === 0) this.#held.delete(owner);
    else this.#held.set(owner, rest);
  }

  unlockAll(owner: object): void {
    this.#held.delete(owner);
  }

  clear(): void {
    this.#held.clear();
  }
}
