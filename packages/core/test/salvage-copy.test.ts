/** The journal of a copy names what is missing: a salvage stops at the first gap that it has no room for. */
import { expect, it } from 'vitest';
import type { Driver, DriverFile } from '../src/index.js';
import { journalFits, LOST_RANGES_MAX } from '../src/repair/journal/format.js';
import { copyParts } from '../src/rescue/salvage-copy.js';
import type { SalvageGap } from '../src/rescue/salvage.js';
import { facts } from './scripted-file.js';

const GAPS_MAX = 3;
const RANGE = { offset: 100, length: 1 << 20 };

/** A driver whose one file is new, and the number of journals that were written for it. */
function copyTarget(): { readonly driver: Driver; readonly journals: () => number } {
  let journals = 0;
  const file: Partial<DriverFile> = {
    facts: { ...facts, created: true },
    lock: () => undefined,
    unlock: () => undefined,
    readMark: () => ({ status: 'absent' }),
    writeMark: () => Promise.resolve(undefined),
    readJournal: () => Promise.resolve({ status: 'absent' }),
    names: () => ({ linkCount: 1, isAtPath: true }),
    writeJournal: () => {
      journals++;
      return Promise.resolve(undefined);
    },
    sync: () => Promise.resolve(undefined),
    close: () => Promise.resolve(undefined),
  };
  const driver = { name: 'scripted', open: () => Promise.resolve({ file }) } as unknown as Driver;
  return { driver, journals: () => journals };
}

/** Yields `count` gaps that do not adjoin, and notes how many were asked for. */
async function* gapsOf(count: number, asked: { gaps: number }): AsyncGenerator<SalvageGap> {
  for (let i = 0; i < count; i++) {
    asked.gaps++;
    yield await Promise.resolve({ offset: 100 + 16 * i, length: 8, reason: 'media' });
  }
}

it('stops at the first gap that the journal of the copy cannot name, and says what to do', async () => {
  const { driver, journals } = copyTarget();
  const asked = { gaps: 0 };
  const copied = copyParts(driver, '/pmem/copy', RANGE, gapsOf(1000, asked), GAPS_MAX);
  const message = expect.stringContaining('salvage it in several ranges, the first of them [100, 148)') as string;
  await expect(copied).rejects.toMatchObject({ code: 'ERR_PMEM_JOURNAL', path: facts.path, message });
  expect(asked.gaps).toBe(GAPS_MAX + 1);
  // None but the first, which names all of the copy.
  expect(journals()).toBe(1);
});

it('names as many as fit', async () => {
  const { driver, journals } = copyTarget();
  const { gaps } = await copyParts(driver, '/pmem/copy', RANGE, gapsOf(GAPS_MAX, { gaps: 0 }), GAPS_MAX);
  expect(gaps.length).toBe(GAPS_MAX);
  expect(journals()).toBe(2);
});

it('a journal has room for as many as that, and for no more', () => {
  const lost = Array.from({ length: LOST_RANGES_MAX }, (_, i) => ({ offset: 2 * i, length: 1 }));
  expect(journalFits({ intents: [], lost })).toBe(true);
  lost.push({ offset: 2 * LOST_RANGES_MAX, length: 1 });
  expect(journalFits({ intents: [], lost })).toBe(false);
});
