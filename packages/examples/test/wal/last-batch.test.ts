/** What a start makes of the batch that was stored together with the commit point in force, and what it tells of it. */
import { describe, expect, test } from 'vitest';
import { PmemFile } from '@safe-pmem/core';
import { type CrashChooser, SimulatedCrash, keepAll } from '@safe-pmem/mock';
import type { LostRecords, Wal } from '../../src/wal/index.js';
import { Wal as WalClass } from '../../src/wal/index.js';
import { LogMachine, PAGE, accountFor, commitRecords, itemsOf, payloadOf, sequencesByPage, type LogMachineOptions } from './log-machine.js';

const PAGES = 10;
const LINE = 64;
/** Two records that fill a page. */
const FIRST = [2000, 2016];
let payloads = 0;

interface Scene {
  readonly machine: LogMachine;
  readonly wal: Wal;
  readonly records: Map<number, Uint8Array>;
}

/** A log whose first page is full and committed. */
async function scene(options: Partial<LogMachineOptions> = {}): Promise<Scene> {
  const machine = new LogMachine({ pages: PAGES, filesystem: 'ext4', ...options });
  const wal = await machine.open({ create: true });
  return { machine, wal, records: commitRecords(wal, FIRST, FIRST.length) };
}

/** Appends records of these lengths, and lets power fail in their commit when all is stored. */
function cutOffCommit({ machine, wal, records }: Scene, lengths: readonly number[], chooser: CrashChooser): void {
  for (const length of lengths) append(wal, records, length);
  const stop = machine.driver.observe(({ name }) => (name === 'persist' ? { crash: true, chooser } : undefined));
  expect(() => wal.commit()).toThrow(SimulatedCrash);
  stop();
  machine.files = [];
}

function append(wal: Wal, records: Map<number, Uint8Array>, length: number): number {
  const payload = payloadOf(100 + payloads++, length);
  const sequence = wal.append(payload);
  records.set(sequence, payload);
  return sequence;
}

/** Everything survives but what lies in these bytes of a file. */
function allBut(machine: LogMachine, path: string, offset: number, length: number): CrashChooser {
  return (choice) => {
    if (choice.kind !== 'line') return choice.alternatives - 1;
    for (let at = offset; at < offset + length; at += LINE) {
      if (machine.driver.physicalOf(path, at) === choice.deviceOffset) return 0;
    }
    return choice.alternatives - 1;
  };
}

const lossesOf = async (wal: Wal): Promise<unknown[]> =>
  (await itemsOf(wal))
    .filter((item): item is LostRecords => item.type === 'lost')
    .map(({ first, last, certain }) => [first, last, certain]);

describe('after a crash in a commit', () => {
  test('of which everything has survived, its records are there, and certain from then on', async () => {
    const there = await scene();
    cutOffCommit(there, [30, 40], keepAll);
    expect((await accountFor(await there.machine.open(), there.records)).returned).toEqual([1, 2, 3, 4]);
    there.machine.poison('log', 2);
    expect(await lossesOf(await there.machine.open())).toEqual([[3, 4, true]]);
  });

  test.each([0, 1, 2])('of which line %i of a page is missing, none is, and their numbers are for others', async (line) => {
    const there = await scene();
    cutOffCommit(there, [80, 90], allBut(there.machine, '/pmem0/log', 2 * PAGE + line * LINE, LINE));
    const wal = await there.machine.open();
    expect([wal.lastSequence, await lossesOf(wal)]).toEqual([2, []]);
    append(wal, there.records, 80);
    wal.commit();
    there.records.delete(4);
    expect((await accountFor(await there.machine.open(), there.records)).returned).toEqual([1, 2, 3]);
  });

  test('of which the commit point is missing in one copy, the other has it', async () => {
    for (const position of [0, (PAGES - 1) * PAGE]) {
      const there = await scene();
      cutOffCommit(there, [30], allBut(there.machine, '/pmem0/log', position, PAGE));
      expect((await accountFor(await there.machine.open(), there.records)).returned).toEqual([1, 2, 3]);
    }
  });

  test('that only one file holds, its records are in both from then on', async () => {
    for (const [path, role] of [['/pmem0/log', 'mirror'], ['/pmem1/mirror', 'log']] as const) {
      const there = await scene({ mirrored: true });
      cutOffCommit(there, [30, 5000], allBut(there.machine, path, 0, PAGES * PAGE));
      await there.machine.open();
      for (const page of [2, 3]) there.machine.poison(role, page);
      expect((await accountFor(await there.machine.open(), there.records)).lost).toEqual([]);
    }
  });

  test('of which one file has a part and the other file the rest, all records are there', async () => {
    const there = await scene({ mirrored: true });
    const [log, mirror] = [
      allBut(there.machine, '/pmem0/log', 2 * PAGE, PAGE), allBut(there.machine, '/pmem1/mirror', 3 * PAGE, PAGE),
    ];
    cutOffCommit(there, [5000], (choice) => Math.min(log(choice), mirror(choice)));
    expect((await accountFor(await there.machine.open(), there.records)).returned).toEqual([1, 2, 3]);
  });

  test('nothing of it is taken for the records that get their numbers', async () => {
    const there = await scene();
    // The page has no header, so that the start leaves the rest of it alone.
    cutOffCommit(there, [8, 30], allBut(there.machine, '/pmem0/log', 0, 2 * PAGE + LINE));
    const wal = await there.machine.open();
    expect(wal.lastSequence).toBe(2);
    const second = { ...there, wal };
    cutOffCommit(second, [8, 30], allBut(there.machine, '/pmem0/log', 2 * PAGE + LINE, LINE));
    const again = await there.machine.open();
    expect([again.lastSequence, await lossesOf(again)]).toEqual([2, []]);
  });

  test('nor is a record of it that the header of the page has been put before', async () => {
    const there = await scene();
    /** Of the first line of page 2, the changed words in `mask`; everything else, but nothing of the rest of that page. */
    const words = (mask: number): CrashChooser => {
      const rest = allBut(there.machine, '/pmem0/log', 2 * PAGE + LINE, PAGE - LINE);
      const first = there.machine.driver.physicalOf('/pmem0/log', 2 * PAGE);
      return (choice) => (choice.kind === 'line' && choice.deviceOffset === first ? mask : rest(choice));
    };
    // Four words of header, four of the record; one of those is equal in both.
    cutOffCommit(there, [8], words(0b1111_0000));
    const wal = await there.machine.open();
    expect(wal.lastSequence).toBe(2);
    cutOffCommit({ ...there, wal }, [8], words(0b000_1111));
    const again = await there.machine.open();
    expect([again.lastSequence, await lossesOf(again)]).toEqual([2, []]);
  });
});

describe('a page of the last batch that no file can read', () => {
  test('after a crash: its records are lost, and perhaps were never committed; their numbers are used up', async () => {
    const { machine, wal, records } = await scene();
    for (const length of [3000, 2000, 50]) append(wal, records, length);
    wal.commit();
    machine.poison('log', 3);
    const again = await machine.open();
    expect([again.lastSequence, await lossesOf(again)]).toEqual([5, [[4, 5, false]]]);
    append(again, records, 10);
    again.commit();
    const third = await machine.open();
    expect(await lossesOf(third)).toEqual([[4, 5, false]]);
    expect((await accountFor(third, records)).returned).toEqual([1, 2, 3, 6]);
    await third.repair();
    expect(await lossesOf(await machine.open())).toEqual([[4, 5, false]]);
  });

  test('after close(): its records are lost, and were committed', async () => {
    const { machine, wal, records } = await scene();
    for (const length of [3000, 2000]) append(wal, records, length);
    wal.commit();
    wal.close();
    machine.poison('log', 3);
    expect(await lossesOf(await machine.open())).toEqual([[4, 4, true]]);
  });

  test('after a later commit: its records are lost, and were committed', async () => {
    const { machine, wal, records } = await scene();
    for (const length of [5000, 10]) {
      append(wal, records, length);
      wal.commit();
    }
    machine.poison('log', 2);
    expect(await lossesOf(await machine.open())).toEqual([[3, 3, true]]);
  });

  test('beside one that can be read and lacks its part: the batch was never committed', async () => {
    const there = await scene();
    cutOffCommit(there, [9000], allBut(there.machine, '/pmem0/log', 4 * PAGE, PAGE));
    there.machine.poison('log', 2);
    const wal = await there.machine.open();
    expect([wal.lastSequence, await lossesOf(wal)]).toEqual([2, []]);
  });

  test('whose other file can be read and lacks it: the batch was never committed', async () => {
    const there = await scene({ mirrored: true });
    cutOffCommit(there, [30], allBut(there.machine, '/pmem1/mirror', 2 * PAGE, PAGE));
    there.machine.poison('log', 2);
    const wal = await there.machine.open();
    expect([wal.lastSequence, await lossesOf(wal)]).toEqual([2, []]);
  });

  test('and that another program has filled with zeros since: its records are lost all the same', async () => {
    const { machine, wal, records } = await scene();
    // Once around the ring: of a page that was never written, zeros are what it holds.
    for (let i = 0; i < PAGES; i++) {
      append(wal, records, 4000);
      wal.commit();
      wal.truncate(wal.lastSequence ?? 0);
    }
    const last = append(wal, records, 4030);
    wal.commit();
    const page = [...sequencesByPage(machine)].find(([, sequences]) => sequences.includes(last))?.[0] ?? 0;
    await machine.closeFiles();
    await machine.overwrite('log', page * PAGE, new Uint8Array(PAGE));
    const again = await machine.open();
    expect([again.lastSequence, await lossesOf(again)]).toEqual([last, [[last, last, false]]]);
  });

  test('is told apart from certain losses, and forgotten with truncate()', async () => {
    const { machine, wal, records } = await scene();
    append(wal, records, 5000);
    wal.commit();
    append(wal, records, 5000);
    wal.commit();
    for (const page of [2, 4]) machine.poison('log', page);
    const again = await machine.open();
    expect(await lossesOf(again)).toEqual([[3, 3, true], [4, 4, false]]);
    again.truncate(4);
    expect(await lossesOf(await machine.open())).toEqual([]);
  });
});

describe('a commit that was refused', () => {
  /** Page 2 of the file refuses when it is persisted, after the commit point was stored. */
  async function refused(): Promise<Scene> {
    const there = await scene({ clearable: false });
    append(there.wal, there.records, 30);
    const stop = there.machine.driver.observe(({ name, position }) => {
      if (name === 'persist' && position < PAGE) there.machine.poison('log', 2);
      return undefined;
    });
    expect(() => there.wal.commit()).toThrow(expect.objectContaining({ code: 'ERR_PMEM_MEDIA' }));
    stop();
    return there;
  }

  test('is given up by close(), whatever of it is on the medium', async () => {
    const { machine, wal } = await refused();
    wal.close();
    const again = await machine.open();
    expect([again.lastSequence, await lossesOf(again)]).toEqual([2, []]);
  });

  test('goes elsewhere after repair(), with the commit point before it still in force meanwhile', async () => {
    const { machine, wal, records } = await refused();
    await wal.repair();
    expect(wal.commit().lastSequence).toBe(3);
    append(wal, records, 40);
    wal.commit();
    expect((await accountFor(await machine.open(), records)).returned).toEqual([1, 2, 3, 4]);
  });
});

test('a commit point that is cut off after a refused commit leaves the one in force, torn or not', async () => {
  const there = await scene({ clearable: false });
  append(there.wal, there.records, 30);
  there.machine.poison('log', 2);
  expect(() => there.wal.commit()).toThrow(expect.objectContaining({ code: 'ERR_PMEM_MEDIA' }));
  const torn: CrashChooser = (choice) => (choice.alternatives - 1) >> 1;
  const stop = there.machine.driver.observe(({ name }) => (name === 'persist' ? { crash: true, chooser: torn } : undefined));
  expect(() => there.wal.truncate(1)).toThrow(SimulatedCrash);
  stop();
  there.machine.files = [];
  const wal = await there.machine.open();
  expect([wal.firstSequence, wal.lastSequence, await lossesOf(wal)]).toEqual([1, 2, []]);
});

test('reading alone settles nothing, and tells the same', async () => {
  const there = await scene({ mirrored: true });
  cutOffCommit(there, [30], allBut(there.machine, '/pmem0/log', 2 * PAGE, PAGE));
  const before = [there.machine.driver.readFile('/pmem0/log'), there.machine.driver.readFile('/pmem1/mirror')];
  const wal = await there.machine.open({ readOnly: true });
  expect((await accountFor(wal, there.records)).returned).toEqual([1, 2, 3]);
  wal.close();
  expect([there.machine.driver.readFile('/pmem0/log'), there.machine.driver.readFile('/pmem1/mirror')]).toEqual(before);
});

test('a file that is the log without its mirror knows no more than it holds', async () => {
  const there = await scene({ mirrored: true });
  cutOffCommit(there, [30], allBut(there.machine, '/pmem1/mirror', 2 * PAGE, PAGE));
  const file = await PmemFile.open('/pmem1/mirror', { driver: there.machine.driver });
  const wal = await WalClass.open({ file, detachMirror: true });
  expect(wal.lastSequence).toBe(2);
});
