import type { ByteRange } from '../ranges/byte-range.js';
import { rangeBetween, rangeEnd } from '../ranges/byte-range.js';

/** Parts of the runs that have `bytesMax` together, in turn. */
export function* windowsOf(runs: readonly ByteRange[], bytesMax: number): Generator<readonly ByteRange[], undefined> {
  let window: ByteRange[] = [];
  let left = bytesMax;
  for (const run of runs) {
    for (let start = run.offset; start < rangeEnd(run); ) {
      const isWhole = start === run.offset && run.length <= left;
      const piece = isWhole ? run : rangeBetween(start, Math.min(start + left, rangeEnd(run)));
      window.push(piece);
      start = rangeEnd(piece);
      left -= piece.length;
      if (left > 0) continue;
      yield window;
      window = [];
      left = bytesMax;
    }
  }
  if (window.length > 0) yield window;
  return undefined;
}

/** From the first byte of the ranges, which ascend, to the last. */
export function spanOf(ranges: readonly ByteRange[]): ByteRange | undefined {
  const first = ranges[0];
  const last = ranges.at(-1);
  return first === undefined || last === undefined ? undefined : rangeBetween(first.offset, rangeEnd(last));
}
