/** Reads ahead, off the main thread and without touching mapped memory, to find media errors before an access meets them. */
import type { ByteRange } from '../ranges/byte-range.js';
import { alignOut, intersect, intersectAll, rangeBetween, rangeEnd, subtract, totalLength } from '../ranges/byte-range.js';
import { forgetHealthy } from '../faults/ask-again.js';
import { classifyPage, isMediaErrno } from '../faults/classify.js';
import type { CompleteFile } from '../driver/driver.js';
import { PmemError } from '../errors/errors.js';
import { publishFailure } from '../errors/events.js';
import type { UnsafeRanges } from '../faults/unsafe-ranges.js';
import type { Clock } from './pace.js';
import { Pace, wallClock } from './pace.js';
import { systemError } from '../errors/system-error.js';

export interface ScrubProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** Media errors so far, those known before included. */
  readonly mediaErrors: readonly ByteRange[];
}

export interface ScrubReport {
  /** The range that was asked for, as far as no resize() has cut it off meanwhile. */
  readonly range: ByteRange;
  /** Every media error in the range, whole pages clipped to it: what was known before, and what scrub() met. */
  readonly mediaErrors: readonly ByteRange[];
  /** The part of `mediaErrors` that was not known before this scrub. */
  readonly found: readonly ByteRange[];
}

export interface ScrubOptions {
  /** Default: the whole file. */
  readonly range?: ByteRange;
  /** At most so many bytes are read in a second, evenly. Default: as many as the medium gives. */
  readonly bytesPerSecond?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ScrubProgress) => void;
}

/** ScrubOptions with their defaults filled in. */
export interface ScrubRequest {
  readonly range: ByteRange;
  readonly bytesPerSecond: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: ScrubProgress) => void) | undefined;
}

/** Long enough that the way to the pool of threads and back costs little beside it; progress and abort wait for one. */
const CHUNK_BYTES_MAX = 8 * 1024 * 1024;

/** Tells scrub() whether the file is open, and when no resize() of it runs any more. */
export interface ScrubbedState {
  assertOpen(): void;
  resized(): Promise<void>;
}

/**
 * Known media errors are counted, not read again: each consumption of poison is a risk. What a resize() of this file
 * cuts off meanwhile is no longer part of the range.
 */
export async function scrubRange(
  file: CompleteFile,
  unsafe: UnsafeRanges,
  request: ScrubRequest,
  state: ScrubbedState,
  clock: Clock = wallClock,
): Promise<ScrubReport> {
  const { signal, onProgress } = request;
  let { range } = request;
  const pace = new Pace(request.bytesPerSecond, clock);
  const chunkBytes = pace.chunkBytes(file.facts.pageBytes, CHUNK_BYTES_MAX);
  forgetHealthy(file, unsafe, range);
  let known = unsafe.knownBadWithin(range);
  const found: ByteRange[] = [];
  let doneBytes = totalLength(known);
  // Before the mapping is looked at: a closed file has none.
  const clip = (): void => {
    state.assertOpen();
    const mapped = mappedPart(file, range);
    if (mapped.length === range.length) return;
    const beyond = totalLength(subtract(known, [mapped]));
    known = intersectAll(known, [mapped]);
    doneBytes = Math.min(doneBytes - beyond, mapped.length);
    range = mapped;
  };
  for (const healthy of subtract([range], known)) {
    for (let start = healthy.offset; start < rangeEnd(healthy); start += chunkBytes) {
      signal?.throwIfAborted();
      clip();
      const end = Math.min(start + chunkBytes, rangeEnd(healthy), rangeEnd(range));
      if (start >= end) break;
      const chunk = rangeBetween(start, end);
      const bad = await scrubChunk(file, chunk, state);
      unsafe.addMet(bad);
      found.push(...bad);
      doneBytes += chunk.length;
      clip();
      onProgress?.({ doneBytes, totalBytes: range.length, mediaErrors: intersectAll([...known, ...found], [range]) });
      if (doneBytes < range.length) await pace.done(chunk.length, signal);
    }
  }
  return { range, mediaErrors: intersectAll([...known, ...found], [range]), found: intersectAll(found, [range]) };
}

function mappedPart(file: CompleteFile, range: ByteRange): ByteRange {
  return rangeBetween(range.offset, Math.max(range.offset, Math.min(rangeEnd(range), file.mappedBytes)));
}

/**
 * A pread that touches a bad page fails or stops short, and how far it gets depends on how the file is fragmented. So
 * a failed piece is halved until single pages answer for themselves.
 */
async function scrubChunk(
  file: CompleteFile,
  chunk: ByteRange,
  state: ScrubbedState,
): Promise<ByteRange[]> {
  const { pageBytes, path } = file.facts;
  const bad: ByteRange[] = [];
  const pending: ByteRange[] = [chunk];
  let askedAgain: number | undefined;
  for (let piece = pending.pop(); piece !== undefined; piece = pending.pop()) {
    state.assertOpen();
    const { transferredBytes, errno } = await file.scrub(piece.offset, piece.length);
    if (errno === 0 && transferredBytes > 0) {
      if (transferredBytes < piece.length) pending.push(rangeBetween(piece.offset + transferredBytes, rangeEnd(piece)));
      continue;
    }
    if (errno === 0) {
      // End of file. A resize() shortens the file before it tells of the mapping.
      await state.resized();
      state.assertOpen();
      const mapped = mappedPart(file, piece);
      if (mapped.length === 0) continue;
      // Once: a network filesystem may give no byte of a file that it calls longer.
      if (askedAgain !== piece.offset) {
        askedAgain = piece.offset;
        pending.push(mapped);
        continue;
      }
      const error = new PmemError('ERR_PMEM_TRUNCATED', 'the file was truncated', { path, ranges: [piece] });
      throw publishFailure(path, error);
    }
    if (!isMediaErrno(errno, file.facts)) {
      throw systemError('cannot scrub', { syscall: 'pread', errno }, { path, ranges: [piece] });
    }
    const pages = alignOut(piece, pageBytes);
    if (pages.length <= pageBytes) {
      const verdict = classifyPage(file, pages.offset);
      if (verdict?.kind === 'io' && verdict.failure !== undefined) {
        throw systemError('cannot scrub', verdict.failure, { path, ranges: [piece] });
      }
      // Anything else than a media error has passed, or is met again by the next read.
      if (verdict?.kind === 'media') bad.push(intersect(pages, chunk) ?? piece);
      continue;
    }
    const middle = pages.offset + Math.ceil(pages.length / pageBytes / 2) * pageBytes;
    pending.push(rangeBetween(middle, rangeEnd(piece)), rangeBetween(piece.offset, middle));
  }
  return bad;
}
