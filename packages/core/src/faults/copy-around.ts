/**
 * Copies a range between memory and the mapping, walking around every byte that cannot be accessed. A bad page is
 * touched once: after a fault the copy goes on before and after the page that faulted, never over it again.
 */
import type { ByteRange } from '../ranges/byte-range.js';
import { alignOut, intersect, rangeBetween, rangeEnd, subtract } from '../ranges/byte-range.js';
import type { Classification, FaultKind } from './classify.js';
import { classifyFault, isMediaPage } from './classify.js';
import type { CompleteFile, CaughtFault, SystemFailure } from '../driver/driver.js';

/** A part of the requested range that could not be copied, and why. */
export interface Gap extends ByteRange {
  readonly reason: FaultKind;
  /** Of `io`: the call that failed, if one did. */
  readonly failure?: SystemFailure | undefined;
  /** Of `io` and `no-space`: what else is known, for the message. */
  readonly facts?: string | undefined;
}

/**
 * Copies `range` piece by piece with `copy(piece)`, which returns the fault that stopped it. `firstFault` is a fault
 * already caught on exactly `range`. Returns the gaps in ascending order: whole pages clipped to `range`, or, for a
 * truncated file, everything from its new end. A fault that has passed when the access is repeated leaves no gap.
 */
export function copyAround(
  file: CompleteFile,
  operation: 'read' | 'write',
  range: ByteRange,
  copy: (piece: ByteRange) => CaughtFault | undefined,
  firstFault?: CaughtFault,
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
      pending.push(...spreadOut(file, fault, piece, gaps));
    } else {
      const inPiece = intersect(page, piece) ?? page;
      const verdict = classifyFault(file, operation, { ...fault, position: page.offset }, () => copy(inPiece));
      const done = verdict === undefined ? inPiece : gapOf(page, piece, verdict);
      if (verdict !== undefined) gaps.push(done as Gap);
      if (rangeEnd(done) < rangeEnd(piece)) pending.push(rangeBetween(rangeEnd(done), rangeEnd(piece)));
      if (piece.offset < done.offset) pending.push(rangeBetween(piece.offset, done.offset));
    }
    fault = undefined;
  }
  return gaps.sort((a, b) => a.offset - b.offset);
}

/** The page of `piece` that faulted, or undefined if the fault does not say and `piece` spans several pages. */
function locate(fault: CaughtFault, piece: ByteRange, pageBytes: number): ByteRange | undefined {
  const pages = alignOut(piece, pageBytes);
  if (pages.length === pageBytes) return pages;
  const exact = 2 ** fault.granuleLog2 <= pageBytes && fault.position >= piece.offset && fault.position < rangeEnd(piece);
  return exact ? alignOut({ offset: fault.position, length: 1 }, pageBytes) : undefined;
}

/**
 * The kernel named a granule of many pages (2 MiB of a huge page), and a copy of any part that holds the bad page would
 * consume its poison once more. So the pages are asked by pread, from the named one on. Those that fail become gaps. If
 * none does, each page is copied by itself, which consumes each bad one once. Returns what is left to copy, last first.
 */
function spreadOut(file: CompleteFile, fault: CaughtFault, piece: ByteRange, gaps: Gap[]): ByteRange[] {
  const { pageBytes } = file.facts;
  const named = alignOut({ offset: Math.max(0, fault.position), length: 1 }, Math.max(pageBytes, 2 ** fault.granuleLog2));
  const granule = intersect(named, piece) ?? piece;
  const pages = pagesOf(granule, pageBytes);
  const from = pages.findIndex((page) => fault.position < rangeEnd(page));
  const inOrder = [...pages.slice(Math.max(0, from)), ...pages.slice(0, Math.max(0, from))];
  const bad = inOrder.filter((page) => isMediaPage(file, Math.floor(page.offset / pageBytes) * pageBytes));
  gaps.push(...bad.map((page): Gap => ({ ...page, reason: 'media' })));
  if (bad.length > 0) return subtract([piece], bad).reverse();
  return [...subtract([piece], [granule]), ...inOrder.reverse()];
}

/** The pages that `range` touches, clipped to it. */
function pagesOf(range: ByteRange, pageBytes: number): ByteRange[] {
  const pages: ByteRange[] = [];
  for (let start = range.offset; start < rangeEnd(range); ) {
    const end = Math.min(rangeEnd(range), (Math.floor(start / pageBytes) + 1) * pageBytes);
    pages.push(rangeBetween(start, end));
    start = end;
  }
  return pages;
}

function gapOf(page: ByteRange, piece: ByteRange, { kind: reason, fileSizeBytes, failure, facts }: Classification): Gap {
  const { offset, length } = reason === 'truncated' ? cutOff(page, piece, fileSizeBytes) : (intersect(page, piece) ?? page);
  return { offset, length, reason, failure, facts };
}

/** Bytes between the new end and the end of its page read as zeros without a fault: they are gone as well. */
function cutOff(page: ByteRange, piece: ByteRange, fileSizeBytes = page.offset): ByteRange {
  return rangeBetween(Math.max(piece.offset, Math.min(page.offset, fileSizeBytes)), rangeEnd(piece));
}
