/** Finds the page of the ring in which a record begins. */
import type { CommitPoint } from '../format/commit-slot.js';
import type { LogFiles, PageView } from './read-pages.js';
import { firstSequenceIn, readBest } from './read-pages.js';
import { lastPageBefore, limitIn } from '../format/ring.js';

/** The last page that is certain to begin no later than record `sequence`. Reads as many pages as halving takes. */
export function pageOfRecord(place: LogFiles, point: CommitPoint, sequence: number): number {
  let found = point.headPage;
  for (let low = point.headPage, high = lastPageBefore(point.endOffset); low <= high;) {
    const middle = Math.floor((low + high) / 2);
    // Pages that cannot be read, or that were stepped over, say nothing: the next one below that speaks, counts.
    let page = middle;
    let first = firstSequenceIn(place, page);
    while (first === undefined && page > low) first = firstSequenceIn(place, --page);
    if (first !== undefined && first >= sequence) {
      high = page - 1;
    } else {
      if (first !== undefined) found = page;
      low = middle + 1;
    }
  }
  const next = readBest(place, found + 1, limitIn(found + 1, point.endOffset)).best.parsed.fragments[0];
  return next?.sequence === sequence && next.offset === 0 ? found + 1 : found;
}

/** Every page between the head and the end of the log, or from the one on that holds the beginning of record `from`. */
export function* committedPages(place: LogFiles, point: CommitPoint, from = 1): Generator<PageView, void, undefined> {
  const first = from > point.firstSequence ? pageOfRecord(place, point, from) : point.headPage;
  for (let pageNumber = first; pageNumber <= lastPageBefore(point.endOffset); pageNumber++) {
    yield readBest(place, pageNumber, limitIn(pageNumber, point.endOffset));
  }
}
