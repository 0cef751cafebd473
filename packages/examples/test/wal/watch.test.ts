/** A log that is told of a media error repairs it before the page is read. */
import { expect, test } from 'vitest';
import type { Wal, WalWatchOutcome } from '../../src/wal/index.js';
import { accountFor, commitRecords, LogMachine, PAGE, payloadOf } from './log-machine.js';

const PAGES = 12;
const LENGTHS = [3000, 3000, 3000, 3000, 3000, 3000];

interface Scene {
  readonly machine: LogMachine;
  readonly wal: Wal;
  readonly records: Map<number, Uint8Array>;
  readonly outcomes: WalWatchOutcome[];
}

async function watched(): Promise<Scene> {
  const machine = new LogMachine({ pages: PAGES, mirrored: true });
  const wal = await machine.open({ create: true });
  const records = commitRecords(wal, LENGTHS);
  const outcomes: WalWatchOutcome[] = [];
  await wal.watch({ onRepair: (outcome) => { outcomes.push(outcome); } });
  return { machine, wal, records, outcomes };
}

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1000 && !condition(); turn++) await new Promise(setImmediate);
  expect(condition()).toBe(true);
}

const ROLES = ['log', 'mirror'] as const;

test.each(ROLES)('a page of the %s comes back from the other file before it is read', async (role) => {
  const { machine, wal, records, outcomes } = await watched();
  const before = machine.page(role, 3).slice();
  machine.poison(role, 3);
  await until(() => outcomes.length > 0);
  const rebuilt = [{ role, range: { offset: 3 * PAGE } }];
  expect(outcomes).toMatchObject([{ report: { rebuilt, lost: [], failed: [] } }]);
  expect(machine.driver.poisoned).toEqual([]);
  expect(Buffer.compare(machine.page(role, 3), before)).toBe(0);
  expect((await accountFor(wal, records)).lost).toEqual([]);
});

test('commits go on beside it, and errors that come together are repaired together', async () => {
  const { machine, wal, records, outcomes } = await watched();
  for (const page of [1, 3, 4]) machine.poison('log', page);
  machine.poison('mirror', 2);
  records.set(wal.append(payloadOf(7, 2000)), payloadOf(7, 2000));
  await wal.commitAsync();
  await until(() => outcomes.length >= 2 && machine.driver.poisoned.length === 0);
  expect((await accountFor(wal, records)).lost).toEqual([]);
});

test('what was listed before the watch began is repaired first', async () => {
  const machine = new LogMachine({ pages: PAGES, mirrored: true });
  const wal = await machine.open({ create: true });
  const records = commitRecords(wal, LENGTHS);
  machine.poison('log', 2);
  await wal.watch();
  expect(machine.driver.poisoned).toEqual([]);
  expect((await accountFor(wal, records)).lost).toEqual([]);
});

test('it ends with the log, and with close(): nothing is repaired after that', async () => {
  for (const end of ['log', 'watch'] as const) {
    const machine = new LogMachine({ pages: PAGES, mirrored: true });
    const wal = await machine.open({ create: true });
    commitRecords(wal, LENGTHS);
    const outcomes: WalWatchOutcome[] = [];
    const watch = await wal.watch({ onRepair: (outcome) => { outcomes.push(outcome); } });
    if (end === 'log') wal.close();
    else watch.close();
    machine.poison('log', 2);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    expect(outcomes).toEqual([]);
    expect(machine.driver.poisoned).not.toEqual([]);
  }
});

test('it is refused where nothing would be noticed', async () => {
  const machine = new LogMachine({ pages: PAGES, mirrored: true, filesystem: 'tmpfs' });
  const wal = await machine.open({ create: true });
  await expect(wal.watch()).rejects.toMatchObject({ code: 'ERR_PMEM_NOT_SUPPORTED' });
});
