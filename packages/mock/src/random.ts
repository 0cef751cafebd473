/** Numbers that a seed decides. Every random choice of the simulated machine comes from one of these. */

/** Marsaglia's xorshift32, seeded through one round of a multiplicative hash so that seeds 1, 2, 3 … diverge. */
export class Random {
  #state: number;

  constructor(seed: number) {
    let mixed = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0xc2b2ae35);
    this.#state = (mixed ^ (mixed >>> 13)) >>> 0 || 0x6d2b79f5;
  }

  /** Goes on as `other` will. */
  copyFrom(other: Random): void {
    this.#state = other.#state;
  }

  /** An integer in [0, 2^32). */
  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state;
  }

  /** An integer in [0, limit); limit at most 2^32. */
  below(limit: number): number {
    return Math.floor((this.next() / 0x1_0000_0000) * limit);
  }

  /** A number in [0, 1). */
  fraction(): number {
    return this.next() / 0x1_0000_0000;
  }

  fill(target: Uint8Array): void {
    for (let i = 0; i < target.length; i++) target[i] = this.next() >>> 11;
  }
}
