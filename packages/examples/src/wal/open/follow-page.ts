/**
 * Follows the commits of which the near slots are lost: they lie in one page, after the end that the header copies
 * name, and each ends with a fragment that says so. Reads only.
 */
import type { CommitPoint } from '../format/commit-slot.js';
import type { ParsedFragment } from '../format/data-page.js';
import { PAGE_BYTES, fragmentsFrom } from '../format/format.js';
import { endBehind } from '../format/layout.js';
import { pageOf } from '../format/ring.js';
import type { LogFiles, PageCopy } from '../read/read-pages.js';
import { readCopy } from '../read/read-pages.js';
import { testifies } from './last-batch.js';

/** An end of the log: an offset, and the last record before it. */
export interface End {
  readonly endOffset: number;
  readonly lastSequence: number;
}

/** The end that the page proves, and the one behind all that it may have held. Equal if nothing is in doubt. */
export interface Followed {
  readonly known: End;
  readonly possible: End;
}

/** Follows the commits after `point`, of which every record up to its end is taken to have been committed. */
export function followPage(place: LogFiles, point: CommitPoint): Followed {
  const start = { endOffset: point.endOffset, lastSequence: point.lastSequence };
  const inPage = start.endOffset % PAGE_BYTES;
  if (point.reservedThrough === point.lastSequence || inPage === 0) return { known: start, possible: start };
  const pageNumber = pageOf(start.endOffset);
  const copies = place.logFiles.map((logFile) => readCopy(place, logFile, pageNumber, PAGE_BYTES));
  const known = copies.map((copy) => commitsIn(copy, pageNumber, start)).reduce(further, start);
  const isNew = pageNumber < place.ring.dataPages;
  if (copies.some((copy) => testifies(copy, inPage, isNew))) return { known, possible: known };
  const room = fragmentsFrom(known.endOffset % PAGE_BYTES || PAGE_BYTES);
  const most = Math.min(known.lastSequence + room, point.reservedThrough);
  if (most === known.lastSequence) return { known, possible: known };
  return { known, possible: { endOffset: (pageNumber + 1) * PAGE_BYTES, lastSequence: most } };
}

/** The end of the last commit that a copy holds in full, record after record: no earlier era follows in a page. */
function commitsIn({ parsed }: PageCopy, pageNumber: number, start: End): End {
  const startInPage = start.endOffset % PAGE_BYTES;
  let found = start;
  let last = start.lastSequence;
  for (const fragment of parsed.fragments) {
    if (fragment.end <= startInPage) continue;
    if (fragment.sequence !== last + 1 || !isWhole(fragment)) break;
    last++;
    if (fragment.endsCommit) found = endAt(pageNumber, fragment);
  }
  return found;
}

function isWhole({ offset, payload, recordBytes }: ParsedFragment): boolean {
  return offset === 0 && payload.length === recordBytes;
}

/** The end of the log behind a fragment. */
function endAt(pageNumber: number, { end, sequence }: ParsedFragment): End {
  return { endOffset: endBehind(pageNumber, end), lastSequence: sequence };
}

function further(one: End, other: End): End {
  return other.endOffset > one.endOffset ? other : one;
}
