/**
 * Finds the units of a range that may need repair. Units about which nothing is known are read by pread(2), off this
 * thread: on DAX that consults the kernel's list and touches no poison, and a healthy stretch costs one call. What has
 * no block, or one that was never written, has nothing to lose and is not read: it is most of a sparse file.
 */
import type { ByteRange } from '../ranges/byte-range.js';
import { wholeUnits } from '../ranges/whole-units.js';
import {
  alignOut, coalesce, intersectAll, overlappingOf, rangeBetween, rangeEnd, subtract,
} from '../ranges/byte-range.js';
import type { CompleteFile } from '../driver/driver.js';
import type { UnsafeRanges } from '../faults/unsafe-ranges.js';
import { spanOf } from './windows.js';

/** Below this a read costs less than the question where the file has blocks. */
export const SPARSE_BYTES_MIN = 8 * 1024 * 1024;

/**
 * Ranges in which the file may hold bytes of the `window` now. Undefined: anywhere, because the filesystem does not
 * tell.
 */
async function writtenIn(
  file: CompleteFile, window: readonly ByteRange[],
): Promise<readonly ByteRange[] | undefined> {
  const span = spanOf(window);
  if (span === undefined) return undefined;
  const outcome = await file.extents(span.offset, span.length);
  return 'failure' in outcome ? undefined : coalesce(outcome.extents.filter(({ unwritten }) => !unwritten));
}

/** Whole units of the `window` (aligned, clipped to the file) that are not known to be healthy; ascending, joined. */
export async function suspectsIn(
  file: CompleteFile,
  unsafe: UnsafeRanges,
  window: readonly ByteRange[],
  listed: readonly ByteRange[],
  unitBytes: number,
  isSparse: boolean,
): Promise<ByteRange[]> {
  const span = spanOf(window);
  if (span === undefined) return [];
  const suspects = intersectAll(wholeUnits(knownWithin(unsafe, listed, span), unitBytes), window);
  const unread = subtract(window, suspects);
  if (unread.length === 0) return suspects;
  // Asked for each window: others write into holes while a repair runs.
  const written = isSparse ? await writtenIn(file, unread) : undefined;
  const held = written === undefined ? [span] : overlappingOf(written, span).map((range) => alignOut(range, unitBytes));
  const unknown = intersectAll(unread, held);
  for (const stretch of unknown) await readStretch(file, stretch, unitBytes, suspects);
  return coalesce(suspects);
}

/** Ranges that are known to be bad or lost. Mostly the kernel's list is all of it, and then they are in order. */
function knownWithin(unsafe: UnsafeRanges, listed: readonly ByteRange[], span: ByteRange): readonly ByteRange[] {
  const known = unsafe.knownBadWithin(span);
  const more = subtract([...unsafe.lostWithin(span), ...overlappingOf(listed, span)], known);
  return more.length === 0 ? known : [...known, ...more];
}

/** Adds the units that cannot be read whole. */
async function readStretch(file: CompleteFile, stretch: ByteRange, unitBytes: number, suspects: ByteRange[]): Promise<void> {
  let stepBytes = stretch.length;
  for (let position = stretch.offset; position < rangeEnd(stretch); ) {
    const length = Math.min(stepBytes, rangeEnd(stretch) - position);
    const { transferredBytes } = await file.scrub(position, length);
    const unitEnd = Math.min(position + unitBytes, rangeEnd(stretch));
    if (transferredBytes === length) {
      position += length;
      stepBytes = Math.min(stepBytes * 4, stretch.length);
    } else if (transferredBytes >= unitEnd - position) {
      position += Math.floor(transferredBytes / unitBytes) * unitBytes;
    } else if (length <= unitBytes) {
      suspects.push(rangeBetween(position, unitEnd));
      position = unitEnd;
    } else {
      // How far a read gets beside a bad page depends on how the file is fragmented: ask for less.
      stepBytes = Math.max(unitBytes, Math.floor(length / 2 / unitBytes) * unitBytes);
    }
  }
}
