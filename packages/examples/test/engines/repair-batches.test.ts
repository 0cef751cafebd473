/** Many bad pages at once: an engine repairs them in batches, not one by one, each with a journal of its own. */
import { expect, test } from 'vitest';
import type { MockDriver } from '@safe-pmem/mock';
import { accountFor, commitRecords, LogMachine, PAGE } from '../wal/log-machine.js';
import { PATHS, StoreMachine, valueOf } from '../pages/store-machine.js';

const BAD = 40;

/** Journals that are written while `work` runs. */
async function journalsDuring(driver: MockDriver, work: () => Promise<unknown>): Promise<number> {
  let written = 0;
  const stop = driver.observe(({ name }) => {
    if (name === 'writeJournal') written++;
    return undefined;
  });
  await work();
  stop();
  return written;
}

test.each([
  ['that the mirror has', [1]],
  ['of which every fifth is lost in both files', [1, 5]],
])('a log with forty bad pages, %s', async (_, [step, lostStep]) => {
  const machine = new LogMachine({ pages: BAD + 12, mirrored: true });
  const wal = await machine.open({ create: true });
  const records = commitRecords(wal, Array.from({ length: BAD + 2 }, () => 4040), 50);
  for (let page = 1; page <= BAD; page += step ?? 1) machine.poison('log', page);
  for (let page = 1; lostStep !== undefined && page <= BAD; page += lostStep) machine.poison('mirror', page);
  const lost = lostStep === undefined ? 0 : BAD / lostStep;
  const journals = await journalsDuring(machine.driver, async () => {
    const report = await wal.repair();
    expect(report.rebuilt.filter(({ role }) => role === 'log')).toHaveLength(BAD - lost);
    expect([report.lost.length, report.failed.length]).toEqual([2 * lost, 0]);
  });
  expect((await accountFor(wal, records)).lost).toHaveLength(lost);
  // Without batches there are two or more for each page.
  expect(journals).toBeLessThan(BAD);
});

test('a store with forty bad pages', async () => {
  const machine = new StoreMachine({ pages: 96, logPages: 96 });
  await machine.open({ create: true });
  for (let i = 0; i < 130; i++) await machine.put(`key ${String(i).padStart(3, '0')}`, valueOf(i, 1500));
  await machine.store.checkpoint();
  const slots = machine.store.slots();
  const used = slots.flatMap((kind, slot) => (kind === 'leaf' ? [slot] : [])).slice(0, BAD);
  for (const slot of used) machine.poison('file', slot);
  const journals = await journalsDuring(machine.driver, async () => {
    const report = await machine.store.repair();
    expect(report.rebuilt.map(({ slot }) => slot)).toEqual(used);
  });
  expect(used).toHaveLength(BAD);
  expect(journals).toBeLessThan(8);
  machine.driver.poison(PATHS.mirror, { offset: 0, length: 96 * PAGE });
  await machine.open();
  expect(machine.account()).toEqual([]);
});

test('pages that the device refuses do not keep the others of the batch from coming back', async () => {
  const machine = new LogMachine({ pages: 20, mirrored: true, clearable: false });
  const wal = await machine.open({ create: true });
  const records = commitRecords(wal, Array.from({ length: 10 }, () => 4040), 5);
  for (const page of [2, 3, 7]) machine.poison('log', page);
  machine.poison('mirror', 7);
  const report = await wal.repair();
  const failed = report.failed.map(({ role, range }) => `${role} ${range.offset / PAGE}`);
  expect(failed).toEqual(['log 2', 'log 3', 'log 7', 'mirror 7']);
  expect(report.lost).toEqual([]);
  expect((await accountFor(wal, records)).lost).toEqual([7]);
});
