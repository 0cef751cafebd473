/** Reads all that still can be read of a range, and names the rest. */
import type { ByteRange } from '../ranges/byte-range.js';
import { rangeBetween, rangeEnd, subtract } from '../ranges/byte-range.js';
import type { FaultKind } from '../faults/classify.js';
import { forgetHealthy, stillLost } from '../faults/ask-again.js';
import { copyAround } from '../faults/copy-around.js';
import type { CompleteFile } from '../driver/driver.js';
import type { UnsafeRanges } from '../faults/unsafe-ranges.js';

/** Why bytes are missing: what classification says, or `lost`, a loss that an earlier repair recorded. */
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

/** A part that salvageParts() yields: a piece has `bytes`, a gap has `reason`. */
export type SalvagePart = SalvagedPiece | SalvageGap;

export interface SalvageProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** Bytes in gaps so far. */
  readonly missingBytes: number;
}

/** Options by which a salvage reports and stops. */
export interface SalvageControl {
  /** Looked at between megabytes: the reason is thrown. */
  readonly signal?: AbortSignal;
  /** Called after each megabyte. */
  readonly onProgress?: (progress: SalvageProgress) => void;
}

export interface SalvageOptions extends SalvageControl {
  /** Default: the whole file. */
  readonly range?: ByteRange;
}

/** SalvageOptions with their defaults filled in, and what every turn of the event loop may have changed. */
export interface SalvageRequest {
  readonly range: ByteRange;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: SalvageProgress) => void) | undefined;
  readonly assertOpen: () => void;
}

/** Between chunks of this size the event loop gets its turn. */
const CHUNK_BYTES = 1024 * 1024;

export async function salvageRange(
  file: CompleteFile, unsafe: UnsafeRanges, request: SalvageRequest,
): Promise<Salvage> {
  const pieces: SalvagedPiece[] = [];
  const gaps: SalvageGap[] = [];
  for await (const part of salvageParts(file, unsafe, request)) {
    if ('bytes' in part) pieces.push(part);
    else gaps.push(part);
  }
  return { range: request.range, pieces, gaps };
}

/** Pieces and gaps in ascending order, of which one chunk is held at a time. Neighbours with one reason are one gap. */
export async function* salvageParts(
  file: CompleteFile,
  unsafe: UnsafeRanges,
  { range, signal, onProgress, assertOpen }: SalvageRequest,
): AsyncGenerator<SalvagePart, void, undefined> {
  let missingBytes = 0;
  let held: SalvageGap | undefined;
  for (let start = range.offset; start < rangeEnd(range); start += CHUNK_BYTES) {
    if (start > range.offset) await new Promise(setImmediate);
    signal?.throwIfAborted();
    assertOpen();
    const end = Math.min(start + CHUNK_BYTES, rangeEnd(range));
    for (const part of salvageChunk(file, unsafe, rangeBetween(start, end))) {
      if ('bytes' in part) {
        if (held !== undefined) yield held;
        held = undefined;
        yield part;
        continue;
      }
      missingBytes += part.length;
      if (held !== undefined && (held.reason !== part.reason || rangeEnd(held) < part.offset)) {
        yield held;
        held = undefined;
      }
      held = { ...rangeBetween(held?.offset ?? part.offset, rangeEnd(part)), reason: part.reason };
    }
    onProgress?.({ doneBytes: end - range.offset, totalBytes: range.length, missingBytes });
  }
  if (held !== undefined) yield held;
}

/** Every byte of the chunk, in ascending order. */
function salvageChunk(file: CompleteFile, unsafe: UnsafeRanges, chunk: ByteRange): SalvagePart[] {
  // resize() may have run since the last chunk.
  const mappedEnd = Math.max(chunk.offset, Math.min(rangeEnd(chunk), file.mappedBytes));
  const parts = chunk.offset < mappedEnd ? salvageMapped(file, unsafe, rangeBetween(chunk.offset, mappedEnd)) : [];
  if (mappedEnd < rangeEnd(chunk)) parts.push({ ...rangeBetween(mappedEnd, rangeEnd(chunk)), reason: 'truncated' });
  return parts;
}

function salvageMapped(file: CompleteFile, unsafe: UnsafeRanges, chunk: ByteRange): SalvagePart[] {
  const bytes = new Uint8Array(chunk.length);
  forgetHealthy(file, unsafe, chunk);
  const media = unsafe.knownBadWithin(chunk);
  const lost = subtract(stillLost(file, unsafe, chunk), media);
  const found: SalvageGap[] = [
    ...media.map((range) => ({ ...range, reason: 'media' as const })),
    ...lost.map((range) => ({ ...range, reason: 'lost' as const })),
  ];
  for (const range of subtract([chunk], [...media, ...lost])) {
    const met = copyAround(file, 'read', range, (piece) => {
      const from = piece.offset - chunk.offset;
      return file.read(bytes.subarray(from, from + piece.length), piece.offset);
    });
    unsafe.addMet(met.filter((gap) => gap.reason === 'media'));
    found.push(...met.map(({ offset, length, reason }) => ({ offset, length, reason })));
  }
  found.push(...cutOff(file, chunk, found));
  const pieces = subtract([chunk], found).map((piece) => {
    const from = piece.offset - chunk.offset;
    return { offset: piece.offset, bytes: bytes.subarray(from, from + piece.length) };
  });
  return [...pieces, ...found].sort((a, b) => a.offset - b.offset);
}

/** Returns what the file no longer has of the chunk: inside its last page that loads as zeros, without a fault. */
function cutOff(file: CompleteFile, chunk: ByteRange, found: readonly ByteRange[]): SalvageGap[] {
  const size = file.fileSizeSync();
  if ('failure' in size || size.sizeBytes >= rangeEnd(chunk)) return [];
  const gone = rangeBetween(Math.max(chunk.offset, size.sizeBytes), rangeEnd(chunk));
  return subtract([gone], found).map((range) => ({ ...range, reason: 'truncated' }));
}
