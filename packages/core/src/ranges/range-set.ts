import type { ByteRange } from './byte-range.js';
import { coalesce, firstEndingAfter, intersect, rangeBetween, rangeEnd, subtract } from './byte-range.js';

/** A mutable set of file bytes, kept as sorted ranges that do not touch; queries cost O(log n + answers). */
export class RangeSet {
  #ranges: ByteRange[] = [];

  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  /** The set as sorted ranges; a copy. */
  get ranges(): ByteRange[] {
    return [...this.#ranges];
  }

  add(range: ByteRange): void {
    if (range.length <= 0) return;
    // One that ends where this begins is joined to it.
    const first = firstEndingAfter(this.#ranges, range.offset - 1);
    let start = range.offset;
    let end = rangeEnd(range);
    let last = first;
    for (let next = this.#ranges[last]; next !== undefined && next.offset <= end; next = this.#ranges[++last]) {
      start = Math.min(start, next.offset);
      end = Math.max(end, rangeEnd(next));
    }
    this.#ranges.splice(first, last - first, rangeBetween(start, end));
  }

  /** add() of many: one by one if they are few beside the set, else linear in the set and in them. */
  addAll(ranges: Iterable<ByteRange>): void {
    const added = coalesce(ranges);
    if (added.length * 8 < this.#ranges.length) for (const range of added) this.add(range);
    else if (this.#ranges.length === 0) this.#ranges = added;
    else if (added.length > 0) this.#ranges = coalesce([...this.#ranges, ...added]);
  }

  remove(range: ByteRange): void {
    const first = firstEndingAfter(this.#ranges, range.offset);
    let last = first;
    while ((this.#ranges[last]?.offset ?? Infinity) < rangeEnd(range)) last++;
    if (last > first) this.#ranges.splice(first, last - first, ...subtract(this.#ranges.slice(first, last), [range]));
  }

  /** remove() of many; linear in them and in the part of the set that they span. */
  removeAll(ranges: readonly ByteRange[]): void {
    if (this.#ranges.length === 0) return;
    let [start, end] = [Infinity, -Infinity];
    for (const range of ranges) {
      start = Math.min(start, range.offset);
      end = Math.max(end, rangeEnd(range));
    }
    const first = firstEndingAfter(this.#ranges, start);
    const last = firstEndingAfter(this.#ranges, end - 1) + 1;
    if (first >= last) return;
    const rest = subtract(this.#ranges.slice(first, last), ranges);
    this.#ranges = [...this.#ranges.slice(0, first), ...rest, ...this.#ranges.slice(last)];
  }

  replaceWith(ranges: Iterable<ByteRange>): void {
    this.#ranges = coalesce(ranges);
  }

  /** The parts of `range` that are in the set. */
  within(range: ByteRange): ByteRange[] {
    const found: ByteRange[] = [];
    for (let i = firstEndingAfter(this.#ranges, range.offset); i < this.#ranges.length; i++) {
      const shared = intersect(this.#ranges[i] as ByteRange, range);
      if (shared === undefined) break;
      found.push(shared);
    }
    return found;
  }

  overlaps(range: ByteRange): boolean {
    return this.holdsAnyOf(range.offset, range.length);
  }

  /** overlaps() without an object, for the hot path. */
  holdsAnyOf(offset: number, length: number): boolean {
    if (this.#ranges.length === 0) return false;
    const candidate = this.#ranges[firstEndingAfter(this.#ranges, offset)];
    return candidate !== undefined && candidate.offset < offset + length;
  }
}
