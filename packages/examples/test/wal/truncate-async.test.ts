/** Dropping records while other callers use the log: what truncateAsync() promises, on both kinds of persist. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { loseAll } from '@safe-pmem/mock';
import type { Wal } from '../../src/wal/index.js';
import { LogMachine, PERSIST_WAYS, accountFor, commitRecords, itemsOf, payloadOf } from './log-machine.js';

const PAGES = 8;

function turn(): Promise<void> {
  return new Promise((resolve) => { setImmediate(resolve); });
}

/** A log with records 1 to 4 whose flushes run off this thread, and wait there until the test lets them go on. */
async function slowLog(): Promise<{ machine: LogMachine; wal: Wal; flushing: () => number; goOn: () => void }> {
  const machine = new LogMachine({ pages: PAGES, dax: false });
  const wal = await machine.open({ create: true, blockMs: 0 });
  commitRecords(wal, [10, 20, 30, 40]);
  const [file] = machine.files;
  if (file === undefined) throw new Error('the log has no file');
  const waiting: (() => void)[] = [];
  const flush = file.persistAsync.bind(file);
  vi.spyOn(file, 'persistAsync').mockImplementation(async (...range) => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    return flush(...range);
  });
  const goOn = (): void => { for (const resolve of waiting.splice(0)) resolve(); };
  return { machine, wal, flushing: () => waiting.length, goOn };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe.each(PERSIST_WAYS)('a truncation, persisted %s', (_, options) => {
  test('is durable when its promise is fulfilled', async () => {
    const machine = new LogMachine({ pages: PAGES, ...options });
    const wal = await machine.open({ create: true, blockMs: 0 });
    const records = commitRecords(wal, [10, 3000, 3000, 40]);
    expect(await wal.truncateAsync(2)).toEqual({ lastSequence: 4, missing: [] });
    expect(wal.firstSequence).toBe(3);
    machine.crash(loseAll);
    expect((await accountFor(await machine.open(), records)).returned).toEqual([3, 4]);
  });

  test('comes after the commits that were asked for before it', async () => {
    const machine = new LogMachine({ pages: PAGES, ...options });
    const wal = await machine.open({ create: true, blockMs: 0 });
    const written = [1, 2, 3].map((sequence) => wal.appendDurable(payloadOf(sequence, 3000)));
    await wal.truncateAsync(2);
    expect(await Promise.all(written)).toEqual([1, 2, 3]);
    expect([wal.firstSequence, wal.lastSequence]).toEqual([3, 3]);
  });

  test('makes room for the writers beside it, and none of their records is missing', async () => {
    const machine = new LogMachine({ pages: PAGES, ...options });
    const wal = await machine.open({ create: true, blockMs: 0 });
    const records = commitRecords(wal, Array.from({ length: 5 }, () => 3000));
    for (let sequence = 6; sequence < 40; sequence++) {
      const payload = payloadOf(sequence, 2000);
      records.set(sequence, payload);
      const truncated = wal.truncateAsync(sequence - 3);
      await Promise.all([wal.appendDurable(payload), truncated]);
    }
    machine.crash(loseAll);
    expect((await accountFor(await machine.open(), records)).returned).toEqual([37, 38, 39]);
  });

  test('has its commit point in every header copy before it is acknowledged', async () => {
    const machine = new LogMachine({ pages: PAGES, ...options, filesystem: 'ext4' });
    const wal = await machine.open({ create: true, blockMs: 0 });
    const records = commitRecords(wal, [10, 20, 30]);
    machine.poison('log', 0);
    expect(await wal.truncateAsync(1)).toEqual({ lastSequence: 3, missing: [] });
    machine.poison('log', PAGES - 1);
    expect((await accountFor(await machine.open(), records)).returned).toEqual([2, 3]);
  });

  test('of records that are not there is refused, and the log goes on', async () => {
    const machine = new LogMachine({ pages: PAGES, ...options });
    const wal = await machine.open({ create: true, blockMs: 0 });
    const records = commitRecords(wal, [10, 20, 30]);
    for (const through of [4, -1, 1.5, NaN]) await expect(wal.truncateAsync(through)).rejects.toThrow(RangeError);
    expect((await accountFor(wal, records)).returned).toEqual([1, 2, 3]);
    await wal.truncateAsync(1);
    wal.close();
    await expect(wal.truncateAsync(2)).rejects.toMatchObject({ code: 'ERR_WAL_CLOSED' });
  });

  test('fails for an error that is no damage, and the log refuses to go on', async () => {
    const machine = new LogMachine({ pages: PAGES, ...options });
    const wal = await machine.open({ create: true, blockMs: 0 });
    commitRecords(wal, [10, 20]);
    const stop = machine.driver.observe((operation) => (operation.name === 'persist' ? { errno: 5 } : undefined));
    await expect(wal.truncateAsync(1)).rejects.toMatchObject({ code: 'ERR_PMEM_IO' });
    stop();
    await expect(wal.truncateAsync(1)).rejects.toMatchObject({ code: 'ERR_WAL_FAILED' });
  });
});

describe('a truncation that waits for a slow disk', () => {
  test('leaves the event loop its turn', async () => {
    const { wal, flushing, goOn } = await slowLog();
    const events: string[] = [];
    const truncated = wal.truncateAsync(2).then(() => events.push('truncated'));
    while (flushing() === 0) await turn();
    events.push('turn');
    goOn();
    await truncated;
    expect(events).toEqual(['turn', 'truncated']);
  });

  test('has a replay that begins meanwhile wait, and give nothing of what is dropped', async () => {
    const { machine, wal, flushing, goOn } = await slowLog();
    const truncated = wal.truncateAsync(2);
    while (flushing() === 0) await turn();
    const replayed = itemsOf(wal);
    await turn();
    goOn();
    await truncated;
    expect(await replayed).toMatchObject([3, 4].map((sequence) => ({ type: 'record', sequence })));
    machine.crash(loseAll);
    expect((await machine.open()).firstSequence).toBe(3);
  });

  test('is refused if a replay began first, with nothing dropped', async () => {
    const { wal } = await slowLog();
    const replay = wal.replay();
    await replay.next();
    await expect(wal.truncateAsync(2)).rejects.toMatchObject({ code: 'ERR_WAL_BUSY' });
    expect(wal.firstSequence).toBe(1);
    await replay.return();
  });

  test('is ended by a commit() that overtakes it', async () => {
    const { machine, wal, flushing, goOn } = await slowLog();
    const truncated = wal.truncateAsync(2);
    while (flushing() === 0) await turn();
    wal.append(payloadOf(5, 50));
    expect(wal.commit().lastSequence).toBe(5);
    expect(wal.firstSequence).toBe(3);
    goOn();
    expect(await truncated).toMatchObject({ missing: [] });
    machine.crash(loseAll);
    const again = await machine.open();
    expect([again.firstSequence, again.lastSequence]).toEqual([3, 5]);
  });

  test('is ended by a truncate() that overtakes it, which a replay that waits refuses', async () => {
    const { wal, flushing, goOn } = await slowLog();
    const truncated = wal.truncateAsync(1);
    while (flushing() === 0) await turn();
    const replayed = itemsOf(wal);
    await Promise.resolve();
    expect(() => wal.truncate(3)).toThrow(expect.objectContaining({ code: 'ERR_WAL_BUSY' }));
    goOn();
    await truncated;
    expect(await replayed).toHaveLength(3);
    wal.truncate(3);
    expect(wal.firstSequence).toBe(4);
  });

  test('is ended by close(); one that has not begun is refused', async () => {
    const { machine, wal, flushing, goOn } = await slowLog();
    const truncated = wal.truncateAsync(1);
    while (flushing() === 0) await turn();
    const late = wal.truncateAsync(2);
    const refused = expect(late).rejects.toMatchObject({ code: 'ERR_WAL_CLOSED' });
    wal.close();
    await refused;
    goOn();
    await truncated;
    expect((await machine.open()).firstSequence).toBe(2);
  });
});
