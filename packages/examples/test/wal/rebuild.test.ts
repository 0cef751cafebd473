/** repair({ rebuild }): records that only the application has, put back where they were. */
import { describe, expect, test } from 'vitest';
import { SimulatedCrash, crashAt } from '@safe-pmem/mock';
import type { RebuildRecords, Records, Wal } from '../../src/wal/index.js';
import { MOMENTS_APART } from '../share.js';
import { LogMachine, PAGE, Random, accountFor, commitRecords, payloadOf, seedsFor, sequencesByPage, union, withoutEras } from './log-machine.js';

const PAGES = 20;
const LENGTHS = Array.from({ length: 60 }, (_, i) => (i % 20 === 7 ? 9000 : i % 11 === 5 ? 4040 : 60 + i * 3));

interface Filled {
  readonly machine: LogMachine;
  readonly wal: Wal;
  readonly records: Map<number, Uint8Array>;
}

async function filledLog(mirrored = false): Promise<Filled> {
  const machine = new LogMachine({ pages: PAGES, mirrored });
  const wal = await machine.open({ create: true });
  return { machine, wal, records: commitRecords(wal, LENGTHS, 4) };
}

/** Gives exactly what it is asked for, and remembers what that was. */
function sourceOf(records: Records): { readonly asked: number[]; readonly rebuild: RebuildRecords } {
  const asked: number[] = [];
  return {
    asked,
    rebuild: ({ first, last }) => {
      const numbers = Array.from({ length: last - first + 1 }, (_, i) => first + i);
      asked.push(...numbers);
      return new Map(numbers.flatMap((number) => [[number, records.get(number) ?? new Uint8Array(0)] as const]));
    },
  };
}

describe('records that the application still has', () => {
  test('come back into the very places where they were, page by page; no other record is asked for', async () => {
    for (const [page, sequences] of sequencesByPage((await filledLog()).machine)) {
      const { machine, records } = await filledLog();
      const before = machine.page('log', page).slice();
      machine.poison('log', page);
      const wal = await machine.open();
      const source = sourceOf(records);
      const report = await wal.repair({ rebuild: source.rebuild });
      expect([page, source.asked]).toEqual([page, union([sequences])]);
      expect(report).toMatchObject({ lost: [], failed: [], rebuilt: [{ role: 'log', range: { offset: page * PAGE }, from: 'rebuild' }] });
      expect(Buffer.compare(withoutEras(machine.page('log', page)), withoutEras(before))).toBe(0);
      expect((await accountFor(wal, records)).lost).toEqual([]);
      expect((await accountFor(await machine.open(), records)).lost).toEqual([]);
    }
  });

  test('come back from random sets of pages, into both files', async () => {
    for (const seed of seedsFor(10)) {
      const random = new Random(seed);
      const { machine, records } = await filledLog(random.chance(50));
      const hit = [...sequencesByPage(machine).keys()].filter(() => random.chance(60));
      for (const role of ['log', 'mirror'] as const) for (const page of hit) machine.poison(role, page);
      const wal = await machine.open();
      await wal.repair(sourceOf(records));
      expect((await accountFor(wal, records)).lost, `WAL_SEED=${seed}`).toEqual([]);
      if (machine.mirrored) for (const page of hit) machine.poison('log', page);
      expect((await accountFor(await machine.open(), records)).lost, `WAL_SEED=${seed}`).toEqual([]);
    }
  }, 180_000);

  test('come back beside commits and a checkpoint, which may drop them meanwhile', async () => {
    for (const through of [0, 20, 60]) {
      const { machine, wal, records } = await filledLog();
      machine.poison('log', 3);
      await wal.repair();
      await wal.repair({
        rebuild: (lost) => {
          wal.truncate(through);
          // With everything dropped these go round the ring, and over the page that is being rebuilt.
          const lengths = through === 60 ? Array.from({ length: 9 }, () => 6000) : [5000, 6000, 100];
          for (const length of lengths) records.set(wal.append(payloadOf(length, length)), payloadOf(length, length));
          wal.commit();
          return sourceOf(records).rebuild(lost);
        },
      });
      expect((await accountFor(wal, records)).lost).toEqual([]);
      expect((await accountFor(await machine.open(), records)).lost).toEqual([]);
    }
  });

  test('are not taken where they contradict what is left of them, are cut, too long, or not all there', async () => {
    const { machine, wal, records } = await filledLog();
    const long = [...records].find(([, payload]) => payload.length === 9000)?.[0] ?? 0;
    const page = [...sequencesByPage(machine)].find(([, sequences]) => sequences.length === 1 && sequences[0] === long)?.[0] ?? 0;
    machine.poison('log', page);
    await wal.repair();
    const wrong = payloadOf(9000, 9000);
    for (const payload of [wrong, wrong.subarray(1), records.get(long)?.subarray(0, 8999), new Uint8Array(9001), undefined]) {
      const report = await wal.repair({ rebuild: () => new Map(payload === undefined ? [] : [[long, payload]]) });
      expect(report.rebuilt).toEqual([]);
      expect((await accountFor(wal, records)).lost).toEqual([long]);
    }
    await expect(wal.repair({ rebuild: () => Promise.reject(new Error('no route')) })).rejects.toThrow('no route');
    expect((await accountFor(wal, records)).lost).toEqual([long]);
    await wal.repair(sourceOf(records));
    expect((await accountFor(wal, records)).lost).toEqual([]);
  });

  test('survive power loss at every operation of their repair, or are still reported lost', async () => {
    const [seed = 0] = seedsFor(1);
    for (let at = 1 + (seed % MOMENTS_APART), crashed = true; crashed; at += MOMENTS_APART) {
      const { machine, wal, records } = await filledLog();
      const lost = union([4, 5].map((page) => sequencesByPage(machine).get(page) ?? []));
      for (const page of [4, 5]) machine.poison('log', page);
      const stop = machine.driver.observe(crashAt(machine.driver.operations + at));
      crashed = await wal.repair(sourceOf(records)).then(() => false, (error: unknown) => {
        if (!(error instanceof SimulatedCrash)) throw error;
        return true;
      });
      stop();
      if (crashed) machine.files = [];
      const again = await machine.open();
      const account = await accountFor(again, records);
      expect(lost, `operation ${at}, WAL_SEED=${seed}`).toEqual(expect.arrayContaining(account.lost));
      await again.repair(sourceOf(records));
      expect((await accountFor(again, records)).lost).toEqual([]);
    }
  }, 180_000);
});

describe('replay({ from })', () => {
  test('begins with that record, wherever it lies, and leaves out what is older', async () => {
    const { wal, machine } = await filledLog();
    machine.poison('log', 4);
    const lost = sequencesByPage(machine).get(4) ?? [];
    for (let from = 1; from <= 62; from++) {
      const numbers: number[] = [];
      for await (const item of wal.replay({ from })) {
        if (item.type === 'record') numbers.push(item.sequence);
        else for (let i = item.first; i <= (item.last ?? 0); i++) numbers.push(-i);
      }
      const wanted = Array.from({ length: Math.max(0, 61 - from) }, (_, i) => from + i);
      expect(numbers).toEqual(wanted.map((number) => (lost.includes(number) ? -number : number)));
    }
    await expect(wal.replay({ from: 0 }).next()).rejects.toThrow(RangeError);
  });
});
