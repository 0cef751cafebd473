import { describe, expect, test } from 'vitest';
import { PmemFile } from '@safe-pmem/core';
import { Wal } from '../../src/wal/index.js';
import { LogMachine, PAGE, accountFor, commitRecords, itemsOf, payloadOf, sequencesByPage } from './log-machine.js';

describe('append, commit, replay', () => {
  test('numbers records from 1 and gives them back after a restart', async () => {
    const machine = new LogMachine({ pages: 16 });
    const records = commitRecords(await machine.open({ create: true }), [0, 1, 7, 8, 9, 300, 4039, 4040, 4041, 9000]);
    expect([...records.keys()]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect((await accountFor(await machine.open(), records)).returned).toEqual([...records.keys()]);
  });

  test('every length around every boundary of a page comes back', async () => {
    const lengths = Array.from({ length: 200 }, (_, i) => (i < 100 ? i : 3900 + i));
    const machine = new LogMachine({ pages: 200 });
    const records = commitRecords(await machine.open({ create: true }), lengths, 3);
    expect((await accountFor(await machine.open(), records)).lost).toEqual([]);
  });

  test('what was not committed is not replayed, and its number is used again', async () => {
    const machine = new LogMachine({ pages: 8 });
    const wal = await machine.open({ create: true });
    wal.append(payloadOf(1, 100));
    wal.commit();
    expect(wal.append(payloadOf(2, 100))).toBe(2);
    expect((await itemsOf(wal)).length).toBe(1);
    wal.close();
    const again = await machine.open();
    expect(again.lastSequence).toBe(1);
    expect(again.append(payloadOf(2, 5))).toBe(2);
  });

  test.each([
    ['this thread', {}, {}],
    ['this thread, by msync', { dax: false }, {}],
    ['another thread', { dax: false }, { blockMs: 0 }],
  ])('a commit is one flush of each file, on %s', async (_, machineOptions, options) => {
    const machine = new LogMachine({ pages: 16, mirrored: true, ...machineOptions });
    const wal = await machine.open({ create: true, ...options });
    const flushed: string[] = [];
    const stored: (readonly [number, number])[] = [];
    machine.driver.observe(({ name, path, position, length }) => {
      if (name === 'persist') flushed.push(path);
      if (name === 'write' && path === '/pmem0/log') stored.push([position, length]);
      return undefined;
    });
    // The second record leaves 8 bytes of its page unused.
    for (const length of [4040, 4032, 9000, 60]) wal.append(payloadOf(1, length));
    expect(await wal.commitAsync()).toEqual({ lastSequence: 4, missing: [] });
    expect(flushed).toEqual(['/pmem0/log', '/pmem1/mirror']);
    expect(stored.slice(-2)).toEqual([[128, 128], [15 * PAGE + 128, 128]]);
    for (let i = 0; i < 3; i++) {
      wal.append(payloadOf(1, 60));
      wal.commit();
    }
    expect(flushed).toHaveLength(8);
  });

  test('a commit without records changes nothing', async () => {
    const machine = new LogMachine({ pages: 8 });
    const wal = await machine.open({ create: true });
    const operations = machine.driver.operations;
    expect(wal.commit()).toEqual({ lastSequence: 0, missing: [] });
    expect(machine.driver.operations).toBe(operations);
  });

  test('the payload is copied, both ways', async () => {
    const machine = new LogMachine({ pages: 8 });
    const wal = await machine.open({ create: true });
    const payload = payloadOf(1, 64);
    wal.append(payload);
    payload.fill(0xee);
    wal.commit();
    const [first] = await itemsOf(wal);
    expect(first).toEqual({ type: 'record', sequence: 1, payload: payloadOf(1, 64) });
    if (first?.type === 'record') expect(first.payload.buffer.byteLength).toBe(64);
  });

  test('a replay that has begun sees what was committed then', async () => {
    const machine = new LogMachine({ pages: 8 });
    const wal = await machine.open({ create: true });
    commitRecords(wal, [10, 10]);
    const replay = wal.replay();
    await replay.next();
    wal.append(payloadOf(3, 10));
    wal.commit();
    await replay.next();
    expect((await replay.next()).done).toBe(true);
    expect((await itemsOf(wal)).length).toBe(3);
  });

  test('records go on in the page that the last run began', async () => {
    const machine = new LogMachine({ pages: 8 });
    const records = commitRecords(await machine.open({ create: true }), [100]);
    const wal = await machine.open();
    records.set(wal.append(payloadOf(2, 100)), payloadOf(2, 100));
    wal.commit();
    expect([...sequencesByPage(machine)]).toEqual([[1, [1, 2]]]);
    expect((await accountFor(await machine.open(), records)).returned).toEqual([1, 2]);
  });
});

describe('room', () => {
  test('a record that never fits is refused before anything changes', async () => {
    const machine = new LogMachine({ pages: 4 });
    const wal = await machine.open({ create: true });
    const capacity = 2 * (PAGE - 32 - 24);
    const operations = machine.driver.operations;
    expect(() => wal.append(new Uint8Array(capacity + 1))).toThrow(
      expect.objectContaining({ code: 'ERR_WAL_TOO_LARGE' }),
    );
    expect(machine.driver.operations).toBe(operations);
    expect(wal.append(new Uint8Array(capacity))).toBe(1);
    wal.commit();
    expect(wal.lastSequence).toBe(1);
  });

  test('a full log refuses, keeps what it has, and takes records again after truncate()', async () => {
    const machine = new LogMachine({ pages: 4 });
    const wal = await machine.open({ create: true });
    const records = new Map<number, Uint8Array>();
    const fill = (): void => {
      for (;;) {
        const payload = payloadOf((wal.lastSequence ?? 0) + 1, 1000);
        records.set(wal.append(payload), payload);
        wal.commit();
      }
    };
    expect(fill).toThrow(expect.objectContaining({ code: 'ERR_WAL_FULL' }));
    expect(wal.lastSequence).toBe(7);
    expect((await accountFor(wal, records)).returned).toEqual([1, 2, 3, 4, 5, 6, 7]);
    wal.truncate(4);
    expect(fill).toThrow(expect.objectContaining({ code: 'ERR_WAL_FULL' }));
    expect((await accountFor(await machine.open(), records)).returned[0]).toBe(5);
  });

  test('a full log counts what waits for commit', async () => {
    const wal = await new LogMachine({ pages: 4 }).open({ create: true });
    wal.append(new Uint8Array(5000));
    expect(() => wal.append(new Uint8Array(5000))).toThrow(expect.objectContaining({ code: 'ERR_WAL_FULL' }));
    expect(wal.append(new Uint8Array(2000))).toBe(2);
    expect(wal.commit().lastSequence).toBe(2);
  });
});

describe('what open() refuses', () => {
  const size = 8 * PAGE;

  async function fileOf(machine: LogMachine): Promise<PmemFile> {
    await machine.closeFiles();
    return machine.openFile('log');
  }

  test('an empty file, unless it shall become a log', async () => {
    const machine = new LogMachine({ pages: 8 });
    await expect(machine.open()).rejects.toMatchObject({ code: 'ERR_WAL_NOT_FORMATTED', path: '/pmem0/log' });
    await expect(machine.open({ create: true })).resolves.toBeInstanceOf(Wal);
  });

  test("somebody else's file, and leaves it as it is", async () => {
    for (const position of [0, 3 * PAGE + 77, 7 * PAGE]) {
      const machine = new LogMachine({ pages: 8 });
      const file = await fileOf(machine);
      file.write(payloadOf(position + 1, 64), position);
      file.persist();
      const before = Buffer.from(machine.driver.readFile('/pmem0/log'));
      await expect(machine.open({ create: true })).rejects.toMatchObject({ code: 'ERR_WAL_FOREIGN' });
      expect(Buffer.compare(machine.driver.readFile('/pmem0/log'), before)).toBe(0);
    }
  });

  test('another version', async () => {
    const machine = new LogMachine({ pages: 8 });
    await machine.open({ create: true });
    const { crc32 } = await import('../../src/wal/format/crc32.js');
    const header = machine.page('log', 0).slice(0, 36);
    header[8] = 1;
    new DataView(header.buffer).setUint32(32, crc32(header.subarray(0, 32)), true);
    await machine.overwrite('log', 0, header);
    await machine.overwrite('log', size - PAGE, header);
    await expect(machine.open()).rejects.toMatchObject({ code: 'ERR_WAL_VERSION' });
    await expect(machine.open({ create: true })).rejects.toMatchObject({ code: 'ERR_WAL_VERSION' });
  });

  test('a file that is shorter than the log was made for, and one that is too small', async () => {
    const machine = new LogMachine({ pages: 8 });
    await machine.open({ create: true });
    await machine.closeFiles();
    const file = await fileOf(machine);
    await file.resize(8 * PAGE - 1);
    await expect(Wal.open({ file })).rejects.toMatchObject({ code: 'ERR_WAL_SIZE' });
    const small = new LogMachine({ pages: 3 });
    await expect(small.open({ create: true })).rejects.toMatchObject({ code: 'ERR_WAL_SIZE' });
  });

  test('to write in a log that was opened read-only', async () => {
    const machine = new LogMachine({ pages: 8 });
    const records = commitRecords(await machine.open({ create: true }), [5, 6]);
    await machine.closeFiles();
    const before = Buffer.from(machine.driver.readFile('/pmem0/log'));
    const file = await PmemFile.open('/pmem0/log', { driver: machine.driver, readOnly: true });
    const wal = await Wal.open({ file, readOnly: true });
    expect((await accountFor(wal, records)).returned).toEqual([1, 2]);
    for (const act of [() => wal.append(new Uint8Array(1)), () => wal.commit(), () => wal.truncate(1)]) {
      expect(act).toThrow(expect.objectContaining({ code: 'ERR_WAL_READ_ONLY' }));
    }
    await expect(wal.repair()).rejects.toMatchObject({ code: 'ERR_WAL_READ_ONLY' });
    expect(Buffer.compare(machine.driver.readFile('/pmem0/log'), before)).toBe(0);
    await file.close();
  });

  test('to go on after close()', async () => {
    const wal = await new LogMachine({ pages: 8 }).open({ create: true });
    wal.close();
    expect(() => wal.append(new Uint8Array(1))).toThrow(expect.objectContaining({ code: 'ERR_WAL_CLOSED' }));
    await expect(itemsOf(wal)).rejects.toMatchObject({ code: 'ERR_WAL_CLOSED' });
    await expect(wal.repair()).rejects.toMatchObject({ code: 'ERR_WAL_CLOSED' });
  });
});

describe('truncate', () => {
  test('drops exactly what it is told, also after a restart', async () => {
    for (let through = 0; through <= 30; through++) {
      const machine = new LogMachine({ pages: 12 });
      const wal = await machine.open({ create: true });
      const records = commitRecords(
        wal,
        Array.from({ length: 30 }, (_, i) => (i % 7 === 3 ? 3000 : 400)),
      );
      expect(wal.truncate(through)).toEqual({ lastSequence: 30, missing: [] });
      const rest = [...records.keys()].filter((sequence) => sequence > through);
      expect((await accountFor(wal, records)).returned).toEqual(rest);
      expect((await accountFor(await machine.open(), records)).returned).toEqual(rest);
    }
  });

  test('a ring that has gone round many times keeps its records apart', async () => {
    const machine = new LogMachine({ pages: 6 });
    const wal = await machine.open({ create: true });
    const records = new Map<number, Uint8Array>();
    for (let round = 1; round <= 200; round++) {
      const payload = payloadOf(round, (round * 997) % 5000);
      records.set(wal.append(payload), payload);
      wal.commit();
      if (round > 2) wal.truncate(round - 2);
      expect((await accountFor(wal, records)).returned).toEqual([round - 1, round].filter((sequence) => sequence > 0));
    }
    expect((await accountFor(await machine.open(), records)).returned).toEqual([199, 200]);
  });

  test('is refused for records that are not committed, and while a replay reads them', async () => {
    const wal = await new LogMachine({ pages: 8 }).open({ create: true });
    commitRecords(wal, [5, 6, 7]);
    wal.append(new Uint8Array(1));
    expect(() => wal.truncate(4)).toThrow(RangeError);
    expect(() => wal.truncate(-1)).toThrow(RangeError);
    const replay = wal.replay();
    await replay.next();
    expect(() => wal.truncate(1)).toThrow(expect.objectContaining({ code: 'ERR_WAL_BUSY' }));
    await replay.return(undefined);
    wal.truncate(1);
    expect(wal.firstSequence).toBe(2);
  });
});
