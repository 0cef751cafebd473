/** Reads all that still can be read of a range, and names the rest. */
import type { ByteRange } from './byte-range.js';
import { rangeBetween, rangeEnd, subtract } from './byte-range.js';
import type { FaultKind } from './classify.js';
import { forgetHealthy } from './ask-again.js';
import { copyAround } from './copy-around.js';
import type { DriverFile } from './driver.js';
import type { Hazards } from './hazards.js';

/** Why bytes are missing: what classification says, or `lost`, a tombstone that an earlier repair left. */
export type SalvageGapReason = FaultKind | 'lost';

export interface SalvageGap extends ByteRange {
  readonly reason: SalvageGapReason;
}

export interface SalvagedPiece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Every byte of the range is in exactly one piece or one gap; both ascend. No byte is invented. */
export interface Salvage {
  readonly range: ByteRange;
  readonly pieces: readonly SalvagedPiece[];
  readonly gaps: readonly SalvageGap[];
}

/** Between chunks of this size the event loop gets its turn. */
const CHUNK_BYTES = 1024 * 1024;

export async function salvageRange(
  file: DriverFile,
  hazards: Hazards,
  range: ByteRange,
  assertOpen: () => void,
): Promise<Salvage> {
  const pieces: SalvagedPiece[] = [];
  const gaps: SalvageGap[] = [];
  for (let start = range.offset; start < rangeEnd(range); start += CHUNK_BYTES) {
    if (start > range.offset) await new Promise(setImmediate);
    assertOpen();
    const end = Math.min(start + CHUNK_BYTES, rangeEnd(range));
    // resize() may have run since the last chunk.
    const mapped = Math.max(start, Math.min(end, file.mappedBytes));
    if (start < mapped) salvageChunk(file, hazards, rangeBetween(start, mapped), pieces, gaps);
    if (mapped < end) appendGap(gaps, { ...rangeBetween(mapped, end), reason: 'truncated' });
  }
  return { range, pieces, gaps };
}

function salvageChunk(
  file: DriverFile,
  hazards: Hazards,
  chunk: ByteRange,
  pieces: SalvagedPiece[],
  gaps: SalvageGap[],
): void {
  const bytes = new Uint8Array(chunk.length);
  forgetHealthy(file, hazards, chunk);
  const media = hazards.knownBadWithin(chunk);
  const lost = subtract(hazards.tombstonesWithin(chunk), media);
  const found: SalvageGap[] = [
    ...media.map((range) => ({ ...range, reason: 'media' as const })),
    ...lost.map((range) => ({ ...range, reason: 'lost' as const })),
  ];
  for (const range of subtract([chunk], [...media, ...lost])) {
    const met = copyAround(file, 'read', range, (piece) => {
      const from = piece.offset - chunk.offset;
      return file.read(bytes.subarray(from, from + piece.length), piece.offset);
    });
    hazards.addMet(met.filter((gap) => gap.reason === 'media'));
    found.push(...met);
  }
  found.push(...cutOff(file, chunk, found));
  for (const piece of subtract([chunk], found)) {
    const from = piece.offset - chunk.offset;
    pieces.push({ offset: piece.offset, bytes: bytes.subarray(from, from + piece.length) });
  }
  for (const gap of found.sort((a, b) => a.offset - b.offset)) appendGap(gaps, gap);
}

/** What the file no longer has of the chunk by now: inside its last page that loads as zeros, without a fault. */
function cutOff(file: DriverFile, chunk: ByteRange, found: readonly ByteRange[]): SalvageGap[] {
  const size = file.fileSizeSync();
  if ('failure' in size || size.sizeBytes >= rangeEnd(chunk)) return [];
  const gone = rangeBetween(Math.max(chunk.offset, size.sizeBytes), rangeEnd(chunk));
  return subtract([gone], found).map((range) => ({ ...range, reason: 'truncated' }));
}

/** Neighbours with the same reason are one gap, also across chunks. */
function appendGap(gaps: SalvageGap[], gap: SalvageGap): void {
  const last = gaps.at(-1);
  if (last?.reason === gap.reason && rangeEnd(last) >= gap.offset) {
    gaps[gaps.length - 1] = { ...rangeBetween(last.offset, Math.max(rangeEnd(last), rangeEnd(gap))), reason: gap.reason };
  } else {
    gaps.push({ offset: gap.offset, length: gap.length, reason: gap.reason });
  }
}

