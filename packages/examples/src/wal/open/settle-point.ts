/** Finds out how far a log was committed: which point is the newest, and what became of its batch. Reads only. */
import type { CommitPoint } from '../format/commit-slot.js';
import { certainly, decodeSlot, nearSlotOffset, newest } from '../format/commit-slot.js';
import { NEAR_SLOTS, SLOT_BYTES } from '../format/format.js';
import { pageOf } from '../format/ring.js';
import { readPage } from '../log-files.js';
import type { LogFiles } from '../read/read-pages.js';
import { followPage } from './follow-page.js';
import { judgeLastBatch } from './last-batch.js';

export interface SettledPoint {
  /** The point with nothing left open: what is in force from now on. */
  readonly point: CommitPoint;
  /** The same as far as files prove it: nothing that a lost page may have held counts. */
  readonly known: CommitPoint;
  /**
   * The newest point that was found, with the end that is in force, and with the certain part of the point in the
   * header copies: what lies between has to be made durable in every file.
   */
  readonly toComplete: CommitPoint;
}

/** Settles the newest point of the header copies, or of the near slots if there are any. */
export function settlePoint(place: LogFiles, ofHeaders: CommitPoint): SettledPoint {
  const near = readNearSlots(place, ofHeaders);
  const found = newest([ofHeaders, ...near.points]) as CommitPoint;
  const state = judgeLastBatch(place, found);
  // A file from an earlier moment may have the point of the header copies, or the one before, and nothing after it.
  const { certainOffset, certainSequence } = ofHeaders;
  if (state === 'absent') {
    const point = certainly({ ...found, endOffset: found.certainOffset, lastSequence: found.certainSequence });
    return { point, known: point, toComplete: { ...point, certainOffset, certainSequence } };
  }
  const followed = followPage(place, found);
  const { known } = followed;
  const possible = near.areComplete ? known : followed.possible;
  // A commit after it shows that it was acknowledged.
  const isOpen = state === 'unknown' && known.lastSequence === found.lastSequence;
  const doubted = isOpen ? withDoubt(found, found.certainSequence + 1, found.lastSequence) : found;
  const reached = { ...doubted, ...known };
  const isSure = possible.lastSequence === known.lastSequence;
  const most = { ...doubted, ...possible };
  const settled = isSure ? reached : withDoubt(most, known.lastSequence + 1, possible.lastSequence);
  const toComplete = { ...found, ...possible, certainOffset, certainSequence };
  return { point: certainly(settled), known: certainly(reached), toComplete };
}

interface NearSlots {
  readonly points: readonly CommitPoint[];
  /** Some file has all of them: what was acknowledged is among them. */
  readonly areComplete: boolean;
}

/** Every commit with a near slot only has it in each file before it is acknowledged. */
function readNearSlots({ logFiles, ring, logId }: LogFiles, ofHeaders: CommitPoint): NearSlots {
  if (ofHeaders.reservedThrough === ofHeaders.lastSequence) return { points: [], areComplete: false };
  const position = ring.positionOf(pageOf(ofHeaders.endOffset) + 1) + nearSlotOffset(0);
  const files = logFiles.map((logFile) => {
    const bytes = new Uint8Array(NEAR_SLOTS * SLOT_BYTES);
    if (readPage(logFile, position, bytes).damage !== undefined) return [];
    const slots = Array.from({ length: NEAR_SLOTS }, (_, index) => {
      const at = index * SLOT_BYTES;
      return decodeSlot(bytes.subarray(at, at + SLOT_BYTES), logId, ring.pageCount);
    });
    return slots.filter((point) => point !== undefined && isOfPoint(point, ofHeaders)) as CommitPoint[];
  });
  return { points: files.flat(), areComplete: files.some((points) => points.length > 0) };
}

/**
 * True if a near slot belongs to the point of the header copies. A writer gives no generation twice, but the next one
 * may give that of an attempt that was refused: so the era counts, too.
 */
function isOfPoint({ generation, era }: CommitPoint, ofHeaders: CommitPoint): boolean {
  return generation === ofHeaders.generation && era === ofHeaders.era;
}

/** The point with records of which it is unknown whether they were committed. */
function withDoubt(point: CommitPoint, first: number, last: number): CommitPoint {
  return { ...point, doubtful: { first: Math.min(point.doubtful?.first ?? Infinity, first), last } };
}
