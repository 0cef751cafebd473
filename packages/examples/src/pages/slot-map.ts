/**
 * Keeps account of slots: those in use, those of leaves of the checkpoint in force, and those that a reader may still
 * need.
 */
import { LEAST_GROWTH_SLOTS } from './format.js';

/** Pages that are moved at a time so that the files can become shorter. */
const SCATTERED_MAX = 256;

/** One bit a slot. */
export class Bits {
  bytes: Uint8Array;

  constructor(count: number, from: Uint8Array = new Uint8Array(0)) {
    this.bytes = new Uint8Array(Math.ceil(count / 8));
    this.bytes.set(from.subarray(0, this.bytes.length));
  }

  has(index: number): boolean {
    return ((this.bytes[index >>> 3] ?? 0) & (1 << (index & 7))) !== 0;
  }

  add(index: number): void {
    this.bytes[index >>> 3] = (this.bytes[index >>> 3] ?? 0) | (1 << (index & 7));
  }

  delete(index: number): void {
    this.bytes[index >>> 3] = (this.bytes[index >>> 3] ?? 0) & ~(1 << (index & 7));
  }

  *[Symbol.iterator](): Generator<number, void, undefined> {
    for (const [byte, bits] of this.bytes.entries()) {
      for (let bit = 0; bit < 8 && bits >>> bit !== 0; bit++) if ((bits & (1 << bit)) !== 0) yield byte * 8 + bit;
    }
  }
}

/** Slots that only readers of an old state may still need. */
interface Retired {
  readonly slots: readonly number[];
  /** Readers that began before this epoch was over may hold them. */
  readonly epoch: number;
}

export class SlotMap {
  #count: number;
  #used: Bits;
  #usedCount = 1;
  /** No slot from here on was in use since open(), or since the end was cut off. */
  #usedEnd = 1;
  #leaves: Bits;
  #cursor = 1;
  /** Generation of the page stored in each slot in use; 0 if it is not known. */
  #generations: Float64Array;
  readonly #unusable = new Set<number>();
  /** Retired since the checkpoint in force, which still needs them. */
  readonly #retired: Retired[] = [];
  /** No checkpoint needs them any more. */
  #released: Retired[] = [];

  /** @param leafGenerations of each leaf, in the order of their slots; undefined if they are not known */
  constructor(count: number, leaves: Uint8Array, leafGenerations?: readonly number[]) {
    this.#count = count;
    this.#generations = new Float64Array(count);
    this.#leaves = new Bits(count, leaves);
    this.#used = new Bits(count);
    this.#used.add(0);
    let index = 0;
    for (const slot of this.#leaves) {
      this.use(slot);
      this.#generations[slot] = leafGenerations?.[index++] ?? 0;
    }
  }

  get count(): number {
    return this.#count;
  }

  get freeCount(): number {
    return this.#count - this.#usedCount - this.unusable.filter((slot) => !this.#used.has(slot)).length;
  }

  /** Leaves of the checkpoint in force. */
  get leaves(): Bits {
    return this.#leaves;
  }

  get unusable(): readonly number[] {
    return [...this.#unusable];
  }

  isUsed(slot: number): boolean {
    return this.#used.has(slot);
  }

  use(slot: number): void {
    if (this.#used.has(slot)) return;
    this.#used.add(slot);
    this.#usedCount++;
    this.#usedEnd = Math.max(this.#usedEnd, slot + 1);
  }

  free(slot: number): void {
    if (!this.#used.has(slot)) return;
    this.#used.delete(slot);
    this.#usedCount--;
  }

  /** Number of the checkpoint that wrote the page in this slot; undefined if that is not known. */
  generationOf(slot: number): number | undefined {
    const generation = this.#generations[slot];
    return generation === 0 ? undefined : generation;
  }

  setGeneration(slot: number, generation: number): void {
    this.#generations[slot] = generation;
  }

  /** The slot takes no stores: it is not given out before setUsable(). */
  setUnusable(slot: number): void {
    this.#unusable.add(slot);
  }

  setUsable(slot: number): void {
    this.#unusable.delete(slot);
  }

  setCount(count: number): void {
    this.#count = count;
    this.#used = new Bits(count, this.#used.bytes);
    this.#leaves = new Bits(count, this.#leaves.bytes);
    const generations = new Float64Array(count);
    generations.set(this.#generations.subarray(0, count));
    this.#generations = generations;
  }

  /** Returns how many slots at the end, the last of which was in use once, are free now. */
  get freedAtEnd(): number {
    let end = this.#usedEnd;
    while (end > 1 && !this.#used.has(end - 1) && !this.#unusable.has(end - 1)) end--;
    return this.#usedEnd - end;
  }

  /**
   * Returns the slots in use among the last ones, if most of these are free and there is room before them; otherwise
   * none.
   */
  get scatteredAtEnd(): readonly number[] {
    const used: number[] = [];
    const freeOfAll = this.freeCount - (this.#count - this.#usedEnd);
    let [count, free, freeBefore] = [0, 0, freeOfAll];
    for (let slot = this.#usedEnd - 1; slot > 0 && used.length <= SCATTERED_MAX && !this.#unusable.has(slot); slot--) {
      if (this.#used.has(slot)) {
        used.push(slot);
        freeBefore = freeOfAll - free;
      } else if (++free >= 3 * used.length + LEAST_GROWTH_SLOTS && freeBefore >= used.length) {
        count = used.length;
      }
    }
    return used.slice(0, count);
  }

  /** Drops the free slots at the end, all but `kept` of them; the first `least` slots stay. */
  cutEnd(kept: number, least: number): void {
    const count = Math.min(Math.max(this.#usedEnd - this.freedAtEnd + kept, least), this.#count);
    this.setCount(count);
    this.#usedEnd = Math.min(this.#usedEnd, count);
    this.takeFromStart();
  }

  /** Has take() begin with the first free slot, so that the end of the files becomes free. */
  takeFromStart(): void {
    this.#cursor = 1;
  }

  /** Takes a free slot, in ascending order where possible, so that pages stored together lie together. */
  take(): number {
    for (let tried = 0; tried < this.#count; tried++) {
      const slot = this.#cursor;
      this.#cursor = slot + 1 < this.#count ? slot + 1 : 1;
      if (this.#used.has(slot) || this.#unusable.has(slot)) continue;
      this.use(slot);
      return slot;
    }
    throw new Error('no slot is free');
  }

  retire(slots: readonly number[], epoch: number): void {
    this.#retired.push({ slots, epoch });
  }

  /** The leaves of a checkpoint that does without what was retired before `mark`, and has `added`. */
  leavesAfter(mark: number, added: Iterable<number>): Bits {
    const leaves = new Bits(this.#count, this.#leaves.bytes);
    for (const { slots } of this.#retired.slice(0, mark)) for (const slot of slots) leaves.delete(slot);
    for (const slot of added) leaves.add(slot);
    return leaves;
  }

  /** Returns the number of lists of retired slots. A checkpoint that begins now needs none of them. */
  get retiredMark(): number {
    return this.#retired.length;
  }

  /** A checkpoint is in force that has these leaves, and does without what was retired before `mark`. */
  settle(leaves: Bits, mark: number): void {
    this.#leaves = new Bits(this.#count, leaves.bytes);
    this.#released.push(...this.#retired.splice(0, mark));
  }

  /** Frees what neither a checkpoint nor a reader needs. `oldestReader`: epoch of the oldest reader. */
  reclaim(oldestReader: number): void {
    this.#released = this.#released.filter(({ slots, epoch }) => {
      if (epoch >= oldestReader) return true;
      for (const slot of slots) this.free(slot);
      return false;
    });
  }
}
