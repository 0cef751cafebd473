/** A journal is never made larger than open() accepts; what would be is refused, and nothing changes. */
import { expect, it } from 'vitest';
import { UnsafeRanges } from '../src/faults/unsafe-ranges.js';
import type { Intent, JournalContent } from '../src/repair/journal/content.js';
import { journalFits } from '../src/repair/journal/format.js';
import { journalError } from '../src/repair/journal/journal-errors.js';
import { Journal } from '../src/repair/journal/journal.js';
import { scriptedFile } from './scripted-file.js';

const LIMIT_BYTES = 64 * 1024 * 1024;
const RECORD_BYTES = 32;

/** One intent whose content leaves a journal room for so many records beside it. */
function filledBut(records: number): Intent {
  const length = LIMIT_BYTES - 96 - 32 - RECORD_BYTES * (1 + records);
  return { offset: 0, length, content: new Uint8Array(length), fileSizeBytes: length };
}

/** Fails the test if anything is written. */
function emptyJournal(): Journal {
  const file = scriptedFile({
    lock: () => undefined,
    unlock: () => undefined,
    readMark: () => ({ status: 'absent' }),
    readJournalSync: () => ({ status: 'absent' }),
  });
  return new Journal(file, new UnsafeRanges());
}

it('one loss more than fits is refused, synchronously and not, with an error that says why', async () => {
  const journal = emptyJournal();
  journal.acquireSync('cannot test');
  const change = (): JournalContent => ({ intents: [filledBut(1)], lost: [{ offset: 0, length: 8 }, { offset: 16, length: 8 }] });
  for (const failure of [journal.updateSync(change), await journal.update(change)]) {
    expect(failure).toBeDefined();
    const error = journalError(journal, failure ?? { errno: 0, syscall: '' });
    expect(error.code).toBe('ERR_PMEM_JOURNAL');
    expect(error.message).toContain('more than 64 MiB');
    expect(journal.content.lost).toEqual([]);
  }
});

it('as many losses as open() accepts fit, also if a repair has left zeros in all of them', () => {
  const intents = [filledBut(2)];
  const lost = [{ offset: 0, length: 8 }, { offset: 16, length: 8 }];
  expect(journalFits({ intents, lost })).toBe(true);
  expect(journalFits({ intents, lost, blank: lost })).toBe(true);
  expect(journalFits({ intents, lost, blank: [{ offset: 0, length: 4 }] })).toBe(false);
});
