/** Many bad pages at once: an engine repairs them in batches, not one by one, each with a journal of its own. */
import { describe, expect, test } from 'vitest';
import type { MockDriver } from '@safe-pmem/mock';
import { loseAll } from '@safe-pmem/mock';
import { accountFor, commitRecords, LogMachine, PAGE, payloadOf, sequencesByPage } from '../wal/log-machine.js';
import { PATHS, StoreMachine, valueOf } from '../pages/store-machine.js';
import { sizeOf } from '../share.js';

const BAD = 40;

/** Calls of the driver while `work` runs, by their names. */
async function callsDuring(driver: MockDriver, work: () => Promise<unknown>): Promise<(name: string) => number> {
  const calls = new Map<string, number>();
  const stop = driver.observe(({ name }) => {
    calls.set(name, (calls.get(name) ?? 0) + 1);
    return undefined;
  });
  await work();
  stop();
  return (name) => calls.get(name) ?? 0;
}

/** Journals that are written while `work` runs. */
async function journalsDuring(driver: MockDriver, work: () => Promise<unknown>): Promise<number> {
  return (await callsDuring(driver, work))('writeJournal');
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

describe('hundreds of bad pages', () => {
  const bad = 512;

  test('of a log are a few repairs of its file, and are not read one by one', async () => {
    const machine = new LogMachine({ pages: 1026, mirrored: true });
    const wal = await machine.open({ create: true });
    const records = commitRecords(wal, Array.from({ length: bad + 100 }, () => 4040), 50);
    for (let page = 1; page <= bad; page++) machine.poison('log', page);
    const calls = await callsDuring(machine.driver, async () => {
      const report = await wal.repair();
      expect(report.rebuilt.filter(({ role, from }) => role === 'log' && from === 'mirror')).toHaveLength(bad);
      expect([report.rebuilt.length, report.lost.length, report.failed.length]).toEqual([bad, 0, 0]);
    });
    expect((await accountFor(wal, records)).lost).toEqual([]);
    // An eighth of the ring in each. Of each page the repair of the file loads what it gives and what was written.
    expect(calls('lock')).toBe(4);
    expect(calls('read')).toBeLessThan(3.5 * bad);
  });

  test('of a store are not read one by one', async () => {
    const machine = new StoreMachine({ pages: 700, logPages: 96 });
    await machine.open({ create: true });
    for (let i = 0; i < 520; i++) await machine.put(`key ${String(i).padStart(3, '0')}`, valueOf(i, 3000));
    await machine.store.checkpoint();
    for (let slot = 1; slot <= bad; slot++) machine.poison('file', slot);
    const calls = await callsDuring(machine.driver, async () => {
      const { rebuilt, emptied, lost, failed } = await machine.store.repair();
      expect([rebuilt.length + emptied.length, lost.length, failed.length]).toEqual([bad, 0, 0]);
    });
    expect(machine.account()).toEqual([]);
    expect(calls('read')).toBeLessThan(3.5 * bad);
  });

  // 128 pages are a portion, and are examined, and taken back, in two steps.
  const scenes = [
    ['writeJournal', 0, 'first', 150],
    ['unlock', 2, 'second', 200],
  ] as const;
  const tried = scenes.slice(0, sizeOf({ whole: scenes.length, share: 1 }));
  const title = 'of a log do not keep it from a commit: %s(), %i turns, its last page in the %s step';
  test.each(tried)(title, async (...scene) => {
    const [moment, turnsAfter, , count] = scene;
    const machine = new LogMachine({ pages: 1026, mirrored: true });
    const wal = await machine.open({ create: true });
    // A page each, and one that is half full.
    const records = commitRecords(wal, [...Array.from({ length: count }, () => 4030), 2000], 50);
    const last = Math.max(...sequencesByPage(machine).keys());
    // A page that was given up takes stores: nothing but the repair keeps commits off it.
    machine.poison('log', last);
    await machine.files[0]?.repair({ offset: last * PAGE, length: PAGE });
    for (let page = 129; page <= 256; page++) if (page !== last) machine.poison('log', page);
    const reached = new Promise<void>((resolve) => {
      machine.driver.observe(({ name }) => {
        if (name === moment) resolve();
        return undefined;
      });
    });
    const repair = wal.repair();
    await reached;
    for (let turn = 0; turn < turnsAfter; turn++) await new Promise(setImmediate);
    records.set(wal.append(payloadOf(count + 2, 50)), payloadOf(count + 2, 50));
    wal.commit();
    expect(await repair).toMatchObject({ lost: [], failed: [] });
    // What was committed meanwhile is in both files: nothing was put back over it.
    expect(await wal.repair()).toEqual({ rebuilt: [], emptied: [], lost: [], failed: [] });
    machine.crash(loseAll);
    expect((await accountFor(await machine.open(), records)).lost).toEqual([]);
  });
});
