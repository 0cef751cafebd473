/** Tells whether a file of the log holds what another one has not: it must not be overwritten with that. Reads only. */
import type { Inspection } from '../commit/header-copies.js';
import type { CommitPoint } from '../format/commit-slot.js';
import type { Fragment } from '../format/data-page.js';
import type { LogFile } from '../log-files.js';
import type { Ring } from '../format/ring.js';
import { lastPageBefore, limitIn } from '../format/ring.js';
import type { LogFiles, PageCopy } from '../read/read-pages.js';
import { readCopy } from '../read/read-pages.js';
import { settlePoint } from './settle-point.js';

/** One file of a log by itself: its records, as far as it knows. */
interface Standing {
  readonly place: LogFiles;
  readonly point: CommitPoint;
}

/**
 * True if `other` is a file of the same log and holds a record that `own` has not, or another one under its number; or
 * if it was truncated later. Records that `own` has dropped, or whose pages it has lost, tell nothing.
 */
export function hasGoneOn(other: Inspection, own: Inspection, ring: Ring): boolean {
  const standings = standingsIn(other, own, ring);
  if (standings === undefined) return false;
  const [theirs, ours] = standings;
  const isLater = theirs.point.generation > ours.point.generation;
  if (isLater && theirs.point.firstSequence !== ours.point.firstSequence) return true;
  if (theirs.point.lastSequence > ours.point.lastSequence || theirs.point.endOffset > ours.point.endOffset) return true;
  const first = Math.max(theirs.point.headPage, ours.point.headPage);
  for (let pageNumber = first; pageNumber <= lastPageBefore(theirs.point.endOffset); pageNumber++) {
    const copy = copyIn(ours, pageNumber);
    if (copy.damage !== undefined) continue;
    if (copyIn(theirs, pageNumber).parsed.fragments.some((one) => !isIn(one, copy))) return true;
  }
  return false;
}

/**
 * True if `other` is a file of the same log and has records in pages that `own` has lost. Nothing tells whether `own`
 * had the same ones there, so they are neither returned nor overwritten.
 */
export function hasWhatIsLost(other: Inspection, own: Inspection, ring: Ring): boolean {
  const standings = standingsIn(other, own, ring);
  if (standings === undefined) return false;
  const [theirs, ours] = standings;
  for (let pageNumber = ours.point.headPage; pageNumber <= lastPageBefore(ours.point.endOffset); pageNumber++) {
    const copy = copyIn(ours, pageNumber);
    if (copy.damage === undefined) continue;
    if (copyIn(theirs, pageNumber).parsed.fragments.some((one) => !isIn(one, copy))) return true;
  }
  return false;
}

/** Both files by themselves; undefined if they are not of one log. */
function standingsIn(other: Inspection, own: Inspection, ring: Ring): readonly [Standing, Standing] | undefined {
  if (other.header === undefined || other.header.logId !== own.header?.logId) return undefined;
  const [theirs, ours] = [standingOf(other, ring), standingOf(own, ring)];
  return theirs === undefined || ours === undefined ? undefined : [theirs, ours];
}

function standingOf({ logFile, header, commitPoint }: Inspection, ring: Ring): Standing | undefined {
  if (header === undefined || commitPoint === undefined) return undefined;
  const place = { logFiles: [logFile], ring, logId: header.logId, era: 0 };
  return { place, point: settlePoint(place, commitPoint).known };
}

function copyIn({ place, point }: Standing, pageNumber: number): PageCopy {
  const [logFile] = place.logFiles as [LogFile];
  return readCopy(place, logFile, pageNumber, limitIn(pageNumber, point.endOffset));
}

function isIn({ sequence, offset, payload }: Fragment, { parsed }: PageCopy): boolean {
  const same = parsed.fragments.find((one) => one.sequence === sequence && one.offset === offset);
  return same !== undefined && Buffer.compare(same.payload, payload) === 0;
}
