/** What one open file must not simply access, and what it learns of that from the journal on disk. */
import { expect, it } from 'vitest';
import { UnsafeRanges } from '../src/faults/unsafe-ranges.js';
import type { Intent } from '../src/repair/journal/content.js';

const PAGE = 4096;
const page = (index: number): { offset: number; length: number } => ({ offset: index * PAGE, length: PAGE });
const unit = (index: number): Intent => ({ ...page(index), content: undefined, fileSizeBytes: 10 * PAGE });

it('a unit that another process was repairing is readable once the journal names it no more', () => {
  const unsafe = new UnsafeRanges();
  unsafe.syncFromJournal({ intents: [unit(1), unit(2)], lost: [] });
  unsafe.forgetRepairedElsewhere({ intents: [unit(2), unit(7)], lost: [] });
  expect(unsafe.knownBadWithin({ offset: 0, length: 10 * PAGE })).toEqual([page(2)]);
});

it('a unit that another process has given up is lost, and no data', () => {
  const unsafe = new UnsafeRanges();
  unsafe.syncFromJournal({ intents: [unit(1)], lost: [] });
  unsafe.forgetRepairedElsewhere({ intents: [], lost: [{ offset: PAGE + 100, length: 200 }, page(5)] });
  expect(unsafe.knownBadWithin(page(1))).toEqual([]);
  expect(unsafe.lostWithin(page(1))).toEqual([{ offset: PAGE + 100, length: 200 }]);
});

it('a loss stays one while the journal names it, as a loss or as an intent', () => {
  const unsafe = new UnsafeRanges();
  unsafe.syncFromJournal({ intents: [], lost: [page(1), page(3), page(5)] });
  unsafe.forgetRepairedElsewhere({ intents: [unit(1)], lost: [page(3)] });
  expect(unsafe.lostWithin({ offset: 0, length: 10 * PAGE })).toEqual([page(1), page(3)]);
});
