import { describe, expect, test } from 'vitest';
import type { Wal } from '../../src/wal/index.js';
import {
  LogMachine,
  PAGE,
  Random,
  accountFor,
  commitRecords,
  itemsOf,
  payloadOf,
  seedsFor,
  sequencesByPage,
  union,
} from './log-machine.js';

const PAGES = 20;
/** Small records, some that fill pages, some that span several. */
const LENGTHS = Array.from({ length: 60 }, (_, i) => (i % 20 === 7 ? 9000 : i % 11 === 5 ? 4040 : 60 + i * 3));

async function filledLog(): Promise<{ machine: LogMachine; wal: Wal; records: Map<number, Uint8Array> }> {
  const machine = new LogMachine({ pages: PAGES });
  const wal = await machine.open({ create: true });
  return { machine, wal, records: commitRecords(wal, LENGTHS, 4) };
}

describe('poison in committed pages', () => {
  test('one page at a time: exactly the records with a piece in it are lost', async () => {
    const pages = [...sequencesByPage((await filledLog()).machine)];
    expect(pages.length).toBeGreaterThan(10);
    for (const [page, sequences] of pages) {
      const { machine, wal, records } = await filledLog();
      machine.poison('log', page);
      expect([page, (await accountFor(wal, records)).lost]).toEqual([page, union([sequences])]);
      expect([page, (await accountFor(await machine.open(), records)).lost]).toEqual([page, union([sequences])]);
    }
  });

  test('random sets of pages', async () => {
    for (const seed of seedsFor(40)) {
      const random = new Random(seed);
      const { machine, records } = await filledLog();
      const hit = [...sequencesByPage(machine)].filter(() => random.chance(35));
      for (const [page] of hit) machine.poison('log', page);
      const account = await accountFor(await machine.open(), records);
      expect(account.lost, `WAL_SEED=${seed}`).toEqual(union(hit.map(([, sequences]) => sequences)));
    }
  });

  test('a loss names the bytes and the reason', async () => {
    const { machine, wal } = await filledLog();
    machine.poison('log', 4);
    const losses = (await itemsOf(wal)).filter((item) => item.type === 'lost');
    expect(losses).toHaveLength(1);
    expect(losses[0]?.damage).toMatchObject([
      { role: 'log', range: { offset: 4 * PAGE, length: PAGE }, reason: 'media' },
    ]);
  });

  test('a repair without a mirror leaves a loss, never zeros and never an end', async () => {
    const { machine, wal, records } = await filledLog();
    const lost = union([sequencesByPage(machine).get(5) ?? []]);
    machine.poison('log', 5);
    const report = await wal.repair();
    expect(report).toMatchObject({ rebuilt: [], emptied: [], failed: [], lost: [{ range: { offset: 5 * PAGE } }] });
    expect((await accountFor(wal, records)).lost).toEqual(lost);
    const again = await machine.open();
    expect((await accountFor(again, records)).lost).toEqual(lost);
    expect((await itemsOf(again)).find((item) => item.type === 'lost')?.damage).toMatchObject([{ reason: 'lost' }]);
    records.set(again.append(payloadOf(61, 200)), payloadOf(61, 200));
    again.commit();
    expect((await accountFor(await machine.open(), records)).lost).toEqual(lost);
  });

  test("a page that another program filled with zeros is a loss too: 'damaged'", async () => {
    const { machine, records } = await filledLog();
    const lost = union([sequencesByPage(machine).get(6) ?? []]);
    await machine.overwrite('log', 6 * PAGE, new Uint8Array(PAGE));
    const wal = await machine.open();
    expect((await accountFor(wal, records)).lost).toEqual(lost);
    expect((await itemsOf(wal)).find((item) => item.type === 'lost')?.damage).toMatchObject([{ reason: 'damaged' }]);
  });

  test('free pages are emptied by a repair and cost nothing', async () => {
    const machine = new LogMachine({ pages: PAGES });
    const wal = await machine.open({ create: true });
    const records = commitRecords(wal, [100, 200]);
    machine.poison('log', 9);
    expect((await accountFor(wal, records)).lost).toEqual([]);
    expect(await wal.repair()).toMatchObject({
      rebuilt: [],
      lost: [],
      failed: [],
      emptied: [{ range: { offset: 9 * PAGE } }],
    });
    expect(machine.page('log', 9).every((byte) => byte === 0)).toBe(true);
  });
});

describe('poison where the log is being written', () => {
  test('the page being filled comes back from memory, and commit() succeeds after repair()', async () => {
    const machine = new LogMachine({ pages: PAGES });
    const wal = await machine.open({ create: true });
    const records = commitRecords(wal, [100, 200]);
    machine.poison('log', 1);
    records.set(wal.append(payloadOf(3, 50)), payloadOf(3, 50));
    expect(() => wal.commit()).toThrow(expect.objectContaining({ code: 'ERR_PMEM_MEDIA' }));
    expect((await wal.repair()).rebuilt).toMatchObject([{ role: 'log', range: { offset: PAGE }, from: 'memory' }]);
    expect(wal.commit()).toEqual({ lastSequence: 3, missing: [] });
    expect((await accountFor(await machine.open(), records)).returned).toEqual([1, 2, 3]);
  });

  test('a poisoned last page found at start-up: its records are lost, new ones go behind it', async () => {
    const machine = new LogMachine({ pages: PAGES });
    const records = commitRecords(await machine.open({ create: true }), [3000, 3000, 100]);
    machine.poison('log', 2);
    const wal = await machine.open();
    expect(wal.lastSequence).toBe(3);
    expect((await accountFor(wal, records)).lost).toEqual([2, 3]);
    for (const sequence of [4, 5]) records.set(wal.append(payloadOf(sequence, 64)), payloadOf(sequence, 64));
    wal.commit();
    expect([...sequencesByPage(machine).keys()]).toContain(3);
    expect(await accountFor(await machine.open(), records)).toMatchObject({ returned: [1, 4, 5], lost: [2, 3] });
  });

  test('a page of the next commit: nothing is committed until it is repaired', async () => {
    const machine = new LogMachine({ pages: PAGES });
    const wal = await machine.open({ create: true });
    const records = commitRecords(wal, [100]);
    machine.poison('log', 3);
    records.set(wal.append(payloadOf(2, 10_000)), payloadOf(2, 10_000));
    expect(() => wal.commit()).toThrow(expect.objectContaining({ code: 'ERR_PMEM_MEDIA' }));
    expect(wal.lastSequence).toBe(1);
    expect((await wal.repair()).emptied).toHaveLength(1);
    expect(wal.commit().lastSequence).toBe(2);
    expect((await accountFor(await machine.open(), records)).lost).toEqual([]);
  });

  test.each([
    [false, 10_000, [1, 2, 4]],
    [true, 10_000, [1, 2, 4]],
    [true, 14_000, [1, 2, 4, 5]],
  ])('on a device that cannot clear (mirror %s), the log steps over the page', async (mirrored, lengthBytes, used) => {
    const machine = new LogMachine({ pages: PAGES, clearable: false, mirrored });
    const wal = await machine.open({ create: true });
    const records = commitRecords(wal, [100]);
    machine.poison('log', 3);
    records.set(wal.append(payloadOf(2, lengthBytes)), payloadOf(2, lengthBytes));
    expect(() => wal.commit()).toThrow(expect.objectContaining({ code: 'ERR_PMEM_MEDIA' }));
    expect((await wal.repair()).failed).toMatchObject([{ role: 'log', range: { offset: 3 * PAGE } }]);
    expect(wal.unusablePages).toEqual([3 * PAGE]);
    records.set(wal.append(payloadOf(3, 20)), payloadOf(3, 20));
    expect(wal.commit().lastSequence).toBe(3);
    expect([...sequencesByPage(machine).keys()].filter((page) => page !== 3)).toEqual(used);
    expect((await accountFor(wal, records)).lost).toEqual([]);
    expect((await accountFor(await machine.open(), records)).lost).toEqual([]);
  });

  test('a log of which no page can be used is full, and says so', async () => {
    const machine = new LogMachine({ pages: 4, clearable: false });
    const wal = await machine.open({ create: true });
    for (const page of [1, 2]) machine.poison('log', page);
    await wal.repair();
    expect(() => wal.append(new Uint8Array(1))).toThrow(expect.objectContaining({ code: 'ERR_WAL_FULL' }));
  });
});

describe('a file that is cut off under the log', () => {
  test('costs the records behind the cut, without an end that is not one; a mirror has them', async () => {
    for (const mirrored of [false, true]) {
      const machine = new LogMachine({ pages: PAGES, mirrored });
      const wal = await machine.open({ create: true });
      const records = commitRecords(wal, LENGTHS, 4);
      const behind = union(
        [...sequencesByPage(machine)].filter(([page]) => page >= 6).map(([, sequences]) => sequences),
      );
      machine.driver.truncate('/pmem0/log', 6 * PAGE);
      expect((await accountFor(wal, records)).lost).toEqual(mirrored ? [] : behind);
      wal.append(payloadOf(61, 10));
      expect(() => wal.commit()).toThrow(expect.objectContaining({ code: 'ERR_PMEM_TRUNCATED' }));
      const report = await wal.repair();
      expect(report.failed.map(({ role, reason }) => [role, reason])).toContainEqual(['log', 'truncated']);
      expect(report.lost).toEqual([]);
      records.set(61, payloadOf(61, 10));
      machine.driver.truncate('/pmem0/log', PAGES * PAGE);
      expect(await wal.repair()).toMatchObject({ lost: [], failed: [] });
      expect(wal.commit()).toEqual({ lastSequence: 61, missing: [] });
      expect((await accountFor(await machine.open(), records)).lost).toEqual(
        mirrored ? [] : behind.filter((s) => s < 61),
      );
    }
  });
});

describe('poison in the header pages', () => {
  test('one copy of two: nothing is lost, commit() tells, repair() renews it', async () => {
    for (const [page, other] of [
      [0, PAGES - 1],
      [PAGES - 1, 0],
    ] as const) {
      const { machine, records } = await filledLog();
      machine.poison('log', page);
      const wal = await machine.open();
      expect((await accountFor(wal, records)).lost).toEqual([]);
      records.set(wal.append(payloadOf(61, 10)), payloadOf(61, 10));
      expect(wal.commit()).toMatchObject({
        lastSequence: 61,
        missing: [{ range: { offset: page * PAGE }, reason: 'media' }],
      });
      expect((await wal.repair()).rebuilt).toMatchObject([{ range: { offset: page * PAGE }, from: 'memory' }]);
      records.set(wal.append(payloadOf(62, 10)), payloadOf(62, 10));
      expect(wal.commit().missing).toEqual([]);
      machine.poison('log', other);
      expect((await accountFor(await machine.open(), records)).lost).toEqual([]);
    }
  });

  test('a copy that another program overwrote is renewed by open()', async () => {
    const { machine, records } = await filledLog();
    await machine.overwrite('log', 0, new Uint8Array(PAGE));
    await machine.open();
    machine.poison('log', PAGES - 1);
    expect((await accountFor(await machine.open(), records)).lost).toEqual([]);
  });

  test('a copy overwritten while the log is open is renewed by repair()', async () => {
    const { machine, wal, records } = await filledLog();
    await machine.overwrite('log', 0, new Uint8Array(PAGE));
    expect((await wal.repair()).rebuilt).toMatchObject([{ range: { offset: 0 }, from: 'memory' }]);
    machine.poison('log', PAGES - 1);
    expect((await accountFor(await machine.open(), records)).lost).toEqual([]);
  });

  test('both copies while the log is open: commit() refuses, and succeeds after repair()', async () => {
    const { machine, wal, records } = await filledLog();
    machine.poison('log', 0);
    machine.poison('log', PAGES - 1);
    // Leaves its page: a commit that stays in it needs no header copy.
    records.set(wal.append(payloadOf(61, 5000)), payloadOf(61, 5000));
    expect(() => wal.commit()).toThrow(expect.objectContaining({ code: 'ERR_PMEM_MEDIA' }));
    expect(wal.lastSequence).toBe(60);
    expect((await wal.repair()).rebuilt).toHaveLength(2);
    expect(wal.commit()).toEqual({ lastSequence: 61, missing: [] });
    expect((await accountFor(await machine.open(), records)).lost).toEqual([]);
  });

  test('both copies at start-up: every readable record, exact gaps, and an end that is unknown', async () => {
    const { machine, records } = await filledLog();
    const hit = union([sequencesByPage(machine).get(5) ?? []]);
    for (const page of [0, 5, PAGES - 1]) machine.poison('log', page);
    const wal = await machine.open();
    expect([wal.commitPointLost, wal.firstSequence, wal.lastSequence]).toEqual([true, undefined, undefined]);
    const items = await itemsOf(wal);
    const returned = items.filter((item) => item.type === 'record');
    expect(returned.map((item) => item.sequence)).toEqual(
      [...records.keys()].filter((sequence) => !hit.includes(sequence)),
    );
    for (const { sequence, payload } of returned) expect(payload).toEqual(records.get(sequence));
    expect(
      items.filter((item) => item.type === 'lost').map(({ first, last, certain }) => ({ first, last, certain })),
    ).toEqual([
      { first: hit[0], last: hit.at(-1), certain: false },
      { first: 61, last: undefined, certain: false },
    ]);
    expect(() => wal.append(new Uint8Array(1))).toThrow(expect.objectContaining({ code: 'ERR_WAL_COMMIT_POINT_LOST' }));
    await expect(wal.repair()).rejects.toMatchObject({ code: 'ERR_WAL_COMMIT_POINT_LOST' });
  });

  test('reset() makes the log usable again after such a loss', async () => {
    const { machine } = await filledLog();
    for (const page of [0, PAGES - 1]) machine.poison('log', page);
    const wal = await machine.open();
    expect((await wal.reset(1000)).rebuilt).toHaveLength(2);
    const records = new Map([[wal.append(payloadOf(1000, 77)), payloadOf(1000, 77)]]);
    wal.commit();
    expect([...records.keys()]).toEqual([1000]);
    const again = await machine.open();
    expect(await accountFor(again, records)).toMatchObject({ returned: [1000], lost: [] });
    await expect(again.reset(1)).rejects.toThrow(TypeError);
  });

  test('reset() is refused while a replay reads what it would erase', async () => {
    const { machine } = await filledLog();
    const whole = await itemsOf(await machine.open());
    for (const page of [0, PAGES - 1]) machine.poison('log', page);
    const wal = await machine.open();
    const replay = wal.replay();
    const items = [(await replay.next()).value];
    await expect(wal.reset(1000)).rejects.toMatchObject({ code: 'ERR_WAL_BUSY' });
    for await (const item of replay) items.push(item);
    expect(items.slice(0, whole.length)).toEqual(whole);
    expect(items.at(-1)).toMatchObject({ type: 'lost', last: undefined });
    await wal.reset(1000);
  });

  test('both copies of an otherwise unreadable log: an error, not an empty log', async () => {
    const machine = new LogMachine({ pages: 4 });
    commitRecords(await machine.open({ create: true }), [10]);
    for (const page of [0, 1, 3]) machine.poison('log', page);
    await expect(machine.open({ create: true })).rejects.toMatchObject({ code: 'ERR_WAL_UNREADABLE' });
  });
});
