/** Finds the pages of a log that has lost its commit point. */
import { PAGE_BYTES } from '../format/format.js';
import type { LogFiles, PageView } from './read-pages.js';
import { readBest, readHeaderAt } from './read-pages.js';

/**
 * Every page of the ring in the order of the numbers that readable pages carry, beginning with the oldest. Pages that
 * cannot be read come with their damage; pages after the newest readable one are there only if they cannot be read.
 */
export function* surveyPages(place: LogFiles): Generator<PageView, void, undefined> {
  const numbers: number[] = [];
  for (const logFile of place.logFiles) {
    for (const position of place.ring.dataPositions()) {
      const header = readHeaderAt(logFile, position);
      if (header?.logId === place.logId) numbers.push(header.pageNumber);
    }
  }
  const newest = numbers.reduce((a, b) => Math.max(a, b), -1);
  const oldest = numbers.reduce((a, b) => Math.min(a, b), newest + 1);
  for (let pageNumber = oldest; pageNumber < oldest + place.ring.dataPages; pageNumber++) {
    const view = readBest(place, pageNumber, PAGE_BYTES);
    const damage = view.damage.filter(({ reason }) => pageNumber <= newest || reason !== 'damaged');
    if (pageNumber <= newest || damage.length > 0) yield { ...view, damage };
  }
}
