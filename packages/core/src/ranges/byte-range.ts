/** Half-open ranges of file bytes, and the small algebra that the rest of the library is written in. */

/** `length` bytes from `offset`, counted from the start of the file; half-open, so `offset + length` is outside. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** The first byte after the range. */
export function rangeEnd(range: ByteRange): number {
  return range.offset + range.length;
}

/** The range that starts at `start` and ends before `end`. */
export function rangeBetween(start: number, end: number): ByteRange {
  return { offset: start, length: end - start };
}

/** True when the two ranges share at least one byte. */
export function overlaps(a: ByteRange, b: ByteRange): boolean {
  return a.offset < rangeEnd(b) && b.offset < rangeEnd(a);
}

/** The bytes both ranges hold, or undefined if they share none. */
export function intersect(a: ByteRange, b: ByteRange): ByteRange | undefined {
  const start = Math.max(a.offset, b.offset);
  const end = Math.min(rangeEnd(a), rangeEnd(b));
  return start < end ? rangeBetween(start, end) : undefined;
}

/** The smallest range of whole units that covers `range`. `unitBytes` need not be a power of two. */
export function alignOut(range: ByteRange, unitBytes: number): ByteRange {
  const start = Math.floor(range.offset / unitBytes) * unitBytes;
  const end = Math.ceil(rangeEnd(range) / unitBytes) * unitBytes;
  return rangeBetween(start, end);
}

/** Sorts ranges and joins those that touch or overlap; empty ranges disappear. The input is left alone. */
export function coalesce(ranges: Iterable<ByteRange>): ByteRange[] {
  const list = Array.isArray(ranges) ? (ranges as readonly ByteRange[]) : [...ranges];
  // Most lists are in order already, and then nothing has to be sorted.
  return joinInOrder(list) ?? (joinInOrder([...list].sort((a, b) => a.offset - b.offset)) as ByteRange[]);
}

/** Undefined if the ranges are not in order. */
function joinInOrder(ranges: readonly ByteRange[]): ByteRange[] | undefined {
  const joined: ByteRange[] = [];
  let before = -Infinity;
  let end = -Infinity;
  let last = { offset: 0, length: 0 };
  for (const { offset, length } of ranges) {
    if (length <= 0) continue;
    if (offset < before) return undefined;
    before = offset;
    if (offset <= end) {
      end = Math.max(end, offset + length);
      last.length = end - last.offset;
    } else {
      end = offset + length;
      last = { offset, length };
      joined.push(last);
    }
  }
  return joined;
}

/** coalesce(), or the list itself if nothing has to be joined: of a million ranges a copy costs more than a look. */
function joined(ranges: Iterable<ByteRange>): readonly ByteRange[] {
  const list = Array.isArray(ranges) ? (ranges as readonly ByteRange[]) : [...ranges];
  return isJoined(list) ? list : coalesce(list);
}

function isJoined(ranges: readonly ByteRange[]): boolean {
  let end = -Infinity;
  for (const { offset, length } of ranges) {
    if (length <= 0 || offset <= end) return false;
    end = offset + length;
  }
  return true;
}

/** The bytes of `ranges` that `removed` does not hold, sorted and joined; linear in the two lists once they are sorted. */
export function subtract(ranges: Iterable<ByteRange>, removed: Iterable<ByteRange>): ByteRange[] {
  const kept = joined(ranges);
  if (kept.length === 0) return [];
  const cuts = joined(removed);
  if (cuts.length === 0) return coalesce(kept);
  const rest: ByteRange[] = [];
  let first = 0;
  for (const range of kept) {
    let start = range.offset;
    while (first < cuts.length && rangeEnd(cuts[first] as ByteRange) <= start) first++;
    for (let i = first; i < cuts.length; i++) {
      const cut = cuts[i] as ByteRange;
      if (cut.offset >= rangeEnd(range)) break;
      if (cut.offset > start) rest.push(rangeBetween(start, cut.offset));
      start = rangeEnd(cut);
    }
    if (start < rangeEnd(range)) rest.push(rangeBetween(start, rangeEnd(range)));
  }
  return rest;
}

/** The bytes that both lists hold, sorted and joined; linear in the two lists once they are sorted. */
export function intersectAll(left: Iterable<ByteRange>, right: Iterable<ByteRange>): ByteRange[] {
  const a = joined(left);
  const b = joined(right);
  const shared: ByteRange[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const x = a[i] as ByteRange;
    const y = b[j] as ByteRange;
    const both = intersect(x, y);
    if (both !== undefined) shared.push(both);
    if (rangeEnd(x) <= rangeEnd(y)) i++;
    else j++;
  }
  return shared;
}

/** The index of the first range that ends after `position`; `sorted` ascends, and no two of it overlap. */
export function firstEndingAfter(sorted: readonly ByteRange[], position: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rangeEnd(sorted[middle] as ByteRange) <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Those of `sorted` that share a byte with `range`; `sorted` ascends, and no two of it overlap. */
export function overlappingOf<Kind extends ByteRange>(sorted: readonly Kind[], range: ByteRange): Kind[] {
  const first = firstEndingAfter(sorted, range.offset);
  let last = first;
  while (last < sorted.length && (sorted[last] as Kind).offset < rangeEnd(range)) last++;
  return last === first ? [] : sorted.slice(first, last);
}

/** Bytes that the ranges hold together; they must not overlap. */
export function totalLength(ranges: Iterable<ByteRange>): number {
  let total = 0;
  for (const range of ranges) total += range.length;
  return total;
}

/** `[4096, 8192)`: the one way a range is written in messages and logs. */
export function formatRange(range: ByteRange): string {
  return `[${range.offset}, ${rangeEnd(range)})`;
}

/** Up to four ranges spelled out, the rest counted. */
export function formatRanges(ranges: readonly ByteRange[]): string {
  const shown = ranges.slice(0, 4).map(formatRange).join(', ');
  return ranges.length > 4 ? `${shown} and ${ranges.length - 4} more` : shown;
}
