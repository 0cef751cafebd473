// A file with losses is copied with its mark and without its journal, by cp -a of the file alone. The journal that the
// mark leads to is that of the original, and goes on: what is repaired or stored there is still lost in the copy.
import { type CompleteFile, type JournalOutcome, PmemFile } from '@safe-pmem/core';
import { expect, it } from 'vitest';
import { type MockDriver, mockDriver } from '../../src/index.js';
import { changing, content, failure, filled, openIn, PAGE, pageOf, part, PATH, read } from './opened.js';

const SIZE = 4 * PAGE;
const COPY = '/backup/copy';
const bad = [pageOf(1), pageOf(3)];
const rebuild = (range: { offset: number; length: number }): Uint8Array => part(content(SIZE), range);

async function bare(driver: MockDriver, path: string): Promise<CompleteFile> {
  const outcome = await driver.open(path, { create: false, readOnly: false, preallocate: false, sizeBytes: undefined });
  if ('failure' in outcome) throw new Error(`errno ${outcome.failure.errno}`);
  return outcome.file;
}

/** A file with two losses, and a copy of it made a second later that has its mark. */
async function copied(): Promise<MockDriver> {
  const driver = mockDriver();
  const file = await filled(driver, SIZE);
  for (const range of bad) driver.poison(PATH, range);
  await file.repair(bad);
  await file.close();
  driver.advanceClock(1000);
  driver.writeFile(COPY, driver.readFile(PATH));
  const [from, to] = [await bare(driver, PATH), await bare(driver, COPY)];
  const mark = from.readMark();
  if (mark.status !== 'present') throw new Error('the file has no mark');
  await to.writeMark(mark.bytes);
  for (const each of [from, to]) await each.close();
  driver.advanceClock(1000);
  return driver;
}

async function lostIn(file: PmemFile): Promise<unknown> {
  return (await file.salvage()).gaps.map(({ offset, length, reason }) => ({ offset, length, reason }));
}

const both = bad.map((range) => ({ ...range, reason: 'lost' }));

it('the original is as it was: what is lost there is lost in the copy', async () => {
  const driver = await copied();
  expect(await lostIn(await PmemFile.open(COPY, { driver }))).toEqual(both);
});

it.each(['repairs', 'stores'] as const)('the original gets a loss back (%s), the copy does not', async (how) => {
  const driver = await copied();
  const held = await PmemFile.open(COPY, { driver });
  const file = await openIn(driver, 'here');
  if (how === 'repairs') await file.repair(pageOf(1), { rebuild });
  else file.write(rebuild(pageOf(1)), PAGE);
  file.persist();
  expect(await lostIn(held)).toEqual(both);
  await failure('ERR_PMEM_JOURNAL', () => read(held, PAGE, 1));
  expect(read(held, 2 * PAGE, PAGE)).toEqual(part(content(SIZE), pageOf(2)));
  const error = await failure('ERR_PMEM_JOURNAL', () => PmemFile.open(COPY, { driver }));
  expect(error.message).toContain('a copy of, and was changed since');
  const discarded = await PmemFile.open(COPY, { driver, journal: 'discard' });
  expect(read(discarded, PAGE, PAGE)).toEqual(new Uint8Array(PAGE));
  await discarded.close();
  expect(await lostIn(file)).toEqual([{ ...pageOf(3), reason: 'lost' }]);
});

it('the original gets all of its losses back: the journal that the copy is marked with is gone', async () => {
  const driver = await copied();
  const file = await openIn(driver, 'here');
  await file.repair(bad, { rebuild });
  expect((await failure('ERR_PMEM_JOURNAL', () => PmemFile.open(COPY, { driver }))).message).toContain('it is gone');
});

it('a snapshot has the inode and the birth of its volume, whose journal it finds: it opens as before', async () => {
  const driver = mockDriver();
  const file = await filled(driver, SIZE);
  driver.poison(PATH, pageOf(1));
  await file.repair(pageOf(1));
  await file.close();
  driver.rename(PATH, '/moved/file');
  const told = (place: string, found: JournalOutcome): JournalOutcome => {
    return found.status === 'present' ? { ...found, isElsewhere: place.startsWith('/') } : found;
  };
  const elsewhere = changing(driver, (opened) => {
    const [readJournal, readJournalSync] = [opened.readJournal.bind(opened), opened.readJournalSync.bind(opened)];
    opened.readJournal = async (place, limitBytes) => told(place, await readJournal(place, limitBytes));
    opened.readJournalSync = (place, limitBytes) => told(place, readJournalSync(place, limitBytes));
  });
  const snapshot = await PmemFile.open('/moved/file', { driver: elsewhere });
  expect(await lostIn(snapshot)).toEqual([{ ...pageOf(1), reason: 'lost' }]);
});
