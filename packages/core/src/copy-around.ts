/**
 * Copies a range between memory and the mapping, walking around every byte that cannot be accessed. Each bad page is
 * touched once: after a fault the copy goes on before and after the page that faulted, never over it again.
 */
import type { ByteRange } from './byte-range.js';
import { alignOut, intersect, rangeBetween, rangeEnd } from './byte-range.js';
import type { Classification, FaultKind } from './classify.js';
import { classifyFault } from './classify.js';
import type { DriverFile, Fault, SystemFailure } from './driver.js';

/** A part of the requested range that could not be copied, and why. */
export interface Gap extends ByteRange {
  readonly reason: FaultKind;
  /** Of `io`: the call that failed. */
  readonly failure: SystemFailure | undefined;
}

/**
 * Copies `range` piece by piece with `copy(piece)`, which returns the fault that stopped it. `firstFault` is a fault
 * already caught on exactly `range`. Returns the gaps in ascending order: whole pages clipped to `range`, or, for a
 * truncated file, everything from its new end.
 */
export function copyAround(
  file: DriverFile,
  operation: 'read' | 'write',
  range: ByteRange,
  copy: (piece: ByteRange) => Fault | undefined,
  firstFault?: Fault,
): Gap[] {
  let fault = firstFault ?? copy(range);
  if (fault === undefined) return [];
  const { pageBytes } = file.facts;
  const gaps: Gap[] = [];
  const pending: ByteRange[] = [range];
  for (let piece = pending.pop(); piece !== undefined; piece = pending.pop()) {
    fault ??= copy(piece);
    if (fault === undefined) continue;
    const page = locate(fault, piece, pageBytes);
    if (page === undefined) {
      // The kernel named only a larger granule (a 2 MiB huge page): halve until the page is certain.
      const middle = Math.ceil((piece.offset + piece.length / 2) / pageBytes) * pageBytes;
      pending.push(rangeBetween(middle, rangeEnd(piece)), rangeBetween(piece.offset, middle));
    } else {
      const verdict = classifyFault(file, operation, { ...fault, position: page.offset });
      const gap = gapOf(page, piece, verdict);
      gaps.push(gap);
      if (rangeEnd(gap) < rangeEnd(piece)) pending.push(rangeBetween(rangeEnd(gap), rangeEnd(piece)));
      if (piece.offset < gap.offset) pending.push(rangeBetween(piece.offset, gap.offset));
    }
    fault = undefined;
  }
  return gaps.sort((a, b) => a.offset - b.offset);
}

/** The page of `piece` that faulted, or undefined where the fault does not say and `piece` spans several pages. */
function locate(fault: Fault, piece: ByteRange, pageBytes: number): ByteRange | undefined {
  const pages = alignOut(piece, pageBytes);
  if (pages.length === pageBytes) return pages;
  const exact = 2 ** fault.granuleLog2 <= pageBytes && fault.position >= piece.offset && fault.position < rangeEnd(piece);
  return exact ? alignOut({ offset: fault.position, length: 1 }, pageBytes) : undefined;
}

function gapOf(page: ByteRange, piece: ByteRange, { kind: reason, fileSizeBytes, failure }: Classification): Gap {
  const { offset, length } = reason === 'truncated' ? cutOff(page, piece, fileSizeBytes) : (intersect(page, piece) ?? page);
  return { offset, length, reason, failure };
}

/** Bytes between the new end and the end of its page read as zeros without a fault: they are gone as well. */
function cutOff(page: ByteRange, piece: ByteRange, fileSizeBytes = page.offset): ByteRange {
  return rangeBetween(Math.max(piece.offset, Math.min(page.offset, fileSizeBytes)), rangeEnd(piece));
}
