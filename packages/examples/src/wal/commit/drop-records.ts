/** Drops old records by a commit point that begins after them. */
import type { CommitPoint } from '../format/commit-slot.js';
import { pageOf } from '../format/ring.js';
import { pageOfRecord } from '../read/find-page.js';
import type { LogFiles } from '../read/read-pages.js';

/**
 * Returns `point` without the records up to and including `through`. `endOffset` is where the next record goes. Throws
 * RangeError if `through` is not a committed record.
 */
export function withoutRecords(place: LogFiles, point: CommitPoint, through: number, endOffset: number): CommitPoint {
  requireCommitted(through, point);
  const isAll = through === point.lastSequence;
  const headPage = isAll ? pageOf(endOffset) : pageOfRecord(place, point, through + 1);
  const doubtful = (point.doubtful?.last ?? 0) > through ? point.doubtful : undefined;
  return { ...point, headPage, firstSequence: through + 1, endOffset, doubtful };
}

function requireCommitted(through: number, { firstSequence, lastSequence }: CommitPoint): void {
  if (Number.isSafeInteger(through) && through >= firstSequence - 1 && through <= lastSequence) return;
  throw new RangeError(`through must be from ${firstSequence - 1} to ${lastSequence}, got ${through}`);
}
