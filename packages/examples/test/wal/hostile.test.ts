import { describe, expect, test } from 'vitest';
import {
  LogMachine,
  PAGE,
  accountFor,
  commitRecords,
  itemsOf,
  payloadOf,
  sequencesByPage,
  union,
} from './log-machine.js';

describe('payloads that look like the log itself', () => {
  test('whole pages and records of the same log, at every alignment, are never taken for records', async () => {
    const machine = new LogMachine({ pages: 30 });
    const wal = await machine.open({ create: true });
    const records = commitRecords(wal, [40, 40, 40]);
    const ownPage = machine.page('log', 1).slice();
    for (let shift = 0; shift < 8; shift++) {
      // The copied records have numbers, checksums and a log id that are right; one of them names page 1, its own page.
      const payload = new Uint8Array(shift + 2 * PAGE);
      payload.set(ownPage, shift);
      payload.set(ownPage.subarray(32), shift + PAGE);
      records.set(wal.append(payload), payload);
    }
    wal.commit();
    for (const [page, sequences] of sequencesByPage(machine)) {
      const { machine: copy, records: same } = await replica(machine, records);
      copy.poison('log', page);
      expect([page, (await accountFor(await copy.open(), same)).lost]).toEqual([page, union([sequences])]);
    }
  });

  test('a log within a log', async () => {
    const inner = new LogMachine({ pages: 6 });
    commitRecords(await inner.open({ create: true }), [100, 5000, 300]);
    const machine = new LogMachine({ pages: 16 });
    const wal = await machine.open({ create: true });
    const payload = inner.driver.readFile('/pmem0/log');
    const records = new Map([[wal.append(payload), payload]]);
    records.set(wal.append(payloadOf(2, 10)), payloadOf(2, 10));
    wal.commit();
    machine.poison('log', 3);
    expect(await accountFor(await machine.open(), records)).toMatchObject({ returned: [2], lost: [1] });
  });
});

describe('bytes from elsewhere in the place of a page', () => {
  test('a page of an earlier lap of the ring is a loss, not a record', async () => {
    const machine = new LogMachine({ pages: 6 });
    const wal = await machine.open({ create: true });
    const records = commitRecords(wal, [4040, 4040, 4040, 4040]);
    const old = machine.page('log', 2).slice();
    wal.truncate(3);
    for (const sequence of [5, 6, 7]) {
      records.set(wal.append(payloadOf(sequence, 4040)), payloadOf(sequence, 4040));
      wal.commit();
    }
    expect(sequencesByPage(machine).get(2)).toEqual([6]);
    await machine.overwrite('log', 2 * PAGE, old);
    expect(await accountFor(await machine.open(), records)).toMatchObject({ returned: [4, 5, 7], lost: [6] });
  });

  test('a page of the same log in the wrong place, and a page of another log', async () => {
    const other = new LogMachine({ pages: 8 });
    commitRecords(await other.open({ create: true }), [4040, 4040, 4040, 4040]);
    for (const foreign of [false, true]) {
      const machine = new LogMachine({ pages: 8 });
      const records = commitRecords(await machine.open({ create: true }), [4040, 4040, 4040, 4040]);
      await machine.overwrite('log', 3 * PAGE, (foreign ? other : machine).page('log', foreign ? 3 : 2).slice());
      expect(await accountFor(await machine.open(), records)).toMatchObject({ returned: [1, 2, 4], lost: [3] });
    }
  });

  test('pages of an earlier life of the file do not come back after reset()', async () => {
    const machine = new LogMachine({ pages: 8 });
    commitRecords(await machine.open({ create: true }), [4040, 4040, 4040, 4040]);
    for (const page of [0, 7]) machine.poison('log', page);
    const wal = await machine.open();
    await wal.reset(1);
    wal.append(payloadOf(77, 20));
    wal.commit();
    for (const page of [0, 7]) machine.poison('log', page);
    const items = await itemsOf(await machine.open());
    expect(items.map((item) => (item.type === 'record' ? item.payload : item.first))).toEqual([payloadOf(77, 20), 2]);
    machine.poison('log', 1);
    await expect(machine.open()).rejects.toMatchObject({ code: 'ERR_WAL_UNREADABLE' });
  });
});

describe('damage that the medium does not report', () => {
  test('any flipped bit of a committed page costs at most the records from there to the end of the page', async () => {
    const machine = new LogMachine({ pages: 6 });
    const records = commitRecords(await machine.open({ create: true }), [500, 500, 500, 500, 4000, 100]);
    await machine.closeFiles();
    const original = machine.page('log', 1).slice();
    const touched = union([sequencesByPage(machine).get(1) ?? []]);
    for (let at = 0; at < PAGE; at += 61) {
      const flipped = original.slice(at, at + 1);
      flipped[0] = (flipped[0] as number) ^ 0x40;
      await machine.overwrite('log', PAGE + at, flipped);
      const { lost } = await accountFor(await machine.open(), records);
      expect(lost).toEqual(touched.slice(touched.length - lost.length));
      await machine.closeFiles();
      await machine.overwrite('log', PAGE + at, original.slice(at, at + 1));
    }
    expect((await accountFor(await machine.open(), records)).lost).toEqual([]);
  });

  test('both slots of both header copies damaged: the end is unknown, not empty', async () => {
    const machine = new LogMachine({ pages: 8 });
    const records = commitRecords(await machine.open({ create: true }), [10, 20, 30]);
    await machine.closeFiles();
    for (const page of [0, 7]) await machine.overwrite('log', page * PAGE + 128, new Uint8Array(256));
    const items = await itemsOf(await machine.open());
    expect(items.map((item) => (item.type === 'record' ? item.sequence : item.last))).toEqual([
      ...records.keys(),
      undefined,
    ]);
  });

  test('zeros over both header copies of a log are not an empty file', async () => {
    const machine = new LogMachine({ pages: 8 });
    commitRecords(await machine.open({ create: true }), [10, 20, 30]);
    await machine.closeFiles();
    for (const page of [0, 7]) await machine.overwrite('log', page * PAGE, new Uint8Array(PAGE));
    const wal = await machine.open({ create: true });
    expect(wal.commitPointLost).toBe(true);
    expect((await itemsOf(wal)).length).toBe(4);
  });
});

async function replica(
  machine: LogMachine,
  records: ReadonlyMap<number, Uint8Array>,
): Promise<{ machine: LogMachine; records: ReadonlyMap<number, Uint8Array> }> {
  const copy = new LogMachine({ pages: machine.pages });
  copy.driver.writeFile('/pmem0/log', machine.driver.readFile('/pmem0/log'));
  await copy.closeFiles();
  return { machine: copy, records };
}
