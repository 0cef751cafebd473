import type { ByteRange } from './byte-range.js';
import { alignOut, coalesce } from './byte-range.js';

/** The whole units that the ranges touch, sorted and joined; the list itself if it is that already, as it mostly is. */
export function wholeUnits(ranges: readonly ByteRange[], unitBytes: number): readonly ByteRange[] {
  return areWholeUnits(ranges, unitBytes) ? ranges : coalesce(ranges.map((range) => alignOut(range, unitBytes)));
}

function areWholeUnits(ranges: readonly ByteRange[], unitBytes: number): boolean {
  let end = -Infinity;
  for (const { offset, length } of ranges) {
    if (offset <= end || length <= 0 || offset % unitBytes !== 0 || length % unitBytes !== 0) return false;
    end = offset + length;
  }
  return true;
}
