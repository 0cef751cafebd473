/**
 * Asks again, before anything is written, what was salvaged: the application may take long to rebuild, and other
 * processes go on storing into what can still be read of a unit, and into bytes that are lost without their knowledge.
 */
import type { ByteRange } from '../ranges/byte-range.js';
import { intersectAll, rangeEnd, subtract, totalLength } from '../ranges/byte-range.js';
import type { CompleteFile } from '../driver/driver.js';
import type { UnsafeRanges } from '../faults/unsafe-ranges.js';
import { readEachOn } from '../rescue/read-on.js';
import { isZero, type RepairUnit } from './repair-unit.js';

interface Piece extends ByteRange {
  /** Bytes that it held; undefined: zeros. */
  readonly held: Uint8Array | undefined;
}

/** True if all that `units` were made from is still there. What an earlier repair left half done is not asked. */
export async function isAsSalvaged(
  file: CompleteFile, unsafe: UnsafeRanges, units: readonly RepairUnit[],
): Promise<boolean> {
  const pieces: Piece[] = [];
  for (const unit of units) if (unit.state === 'untouched' && !unit.isGone) pieces.push(...piecesOf(unit, unsafe));
  if (pieces.length === 0) return true;
  const found = new Uint8Array(totalLength(pieces));
  const reads = await readEachOn(file, pieces, found);
  let at = 0;
  return pieces.every((piece, i) => {
    const bytes = found.subarray(at, (at += piece.length));
    // A page that was mapped before the kernel learned of its bad block may give its bytes to loads alone.
    const isMapped = rangeEnd(piece) <= file.mappedBytes;
    const isRead = reads[i]?.errno === 0 || (isMapped && file.read(bytes, piece.offset) === undefined);
    return isRead && (piece.held === undefined ? isZero(bytes) : Buffer.compare(bytes, piece.held) === 0);
  });
}

function piecesOf({ data, content, lost, readErrno }: RepairUnit, unsafe: UnsafeRanges): Piece[] {
  const kept = subtract([data], lost).map((range) => {
    return { ...range, held: content.subarray(range.offset - data.offset, rangeEnd(range) - data.offset) };
  });
  // What cannot be read is not asked for once more: it may be poison.
  if (readErrno !== 0) return kept;
  const blank = intersectAll(unsafe.blankWithin(data), lost);
  return [...kept, ...blank.map((range) => ({ ...range, held: undefined }))];
}
