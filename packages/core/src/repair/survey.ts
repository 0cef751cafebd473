/**
 * Finds the units of a range that may need repair. Units about which nothing is known are read by pread(2), off this
 * thread: on DAX that consults the kernel's list and touches no poison, and a healthy stretch costs one call. What has
 * no block, or one that was never written, has nothing to lose and is not read: it is most of a sparse file.
 */
import type { ByteRange } from '../ranges/byte-range.js';
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
export async function writtenIn(
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
  written?: readonly ByteRange[],
): Promise<ByteRange[]> {
  const span = spanOf(window);
  if (span === undefined) return [];
  const known: ByteRange[] = [...overlappingOf(listed, span), ...unsafe.knownBadWithin(span), ...unsafe.lostWithin(span)];
  const suspects = intersectAll(known.map((range) => alignOut(range, unitBytes)), window);
  const unread = subtract(window, suspects);
  const held = written === undefined ? [span] : overlappingOf(written, span).map((range) => alignOut(range, unitBytes));
  const unknown = intersectAll(unread, held);
  for (const stretch of unknown) await readStretch(file, stretch, unitBytes, suspects);
  return coalesce(suspects);
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
