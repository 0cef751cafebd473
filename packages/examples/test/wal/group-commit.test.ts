/** Many writers, one commit point: what commitAsync() and appendDurable() promise, on both kinds of persist. */
import { describe, expect, test } from 'vitest';
import { SimulatedCrash, crashAt, keepAll, loseAll } from '@safe-pmem/mock';
import type { CrashChooser } from '@safe-pmem/mock';
import type { Wal } from '../../src/wal/index.js';
import type { LogMachineOptions } from './log-machine.js';
import { LogMachine, PAGE, PERSIST_WAYS, accountFor, payloadOf, seedsFor } from './log-machine.js';

const PAGES = 8;

/** Counts what a commit asks of the machine. */
function count(machine: LogMachine, name: string): { readonly seen: number } {
  const counter = { seen: 0 };
  machine.driver.observe((operation) => {
    if (operation.name === name) counter.seen++;
    return undefined;
  });
  return counter;
}

async function writers(wal: Wal, records: Map<number, Uint8Array>, lengths: readonly number[]): Promise<number[]> {
  const first = wal.nextSequence ?? 1;
  return Promise.all(
    lengths.map((length, index) => {
      const payload = payloadOf(first + index, length);
      records.set(first + index, payload);
      return wal.appendDurable(payload);
    }),
  );
}

describe.each(PERSIST_WAYS)('a group, persisted %s', (_, options) => {
  test('of many writers costs what one commit costs, and each gets a number of its own', async () => {
    const machine = new LogMachine({ pages: PAGES, ...options });
    const wal = await machine.open({ create: true });
    const persists = count(machine, 'persist');
    wal.append(payloadOf(1, 20));
    wal.commit();
    const alone = persists.seen;
    const records = new Map([[1, payloadOf(1, 20)]]);
    const sequences = await writers(wal, records, Array.from({ length: 40 }, () => 30));
    expect(sequences).toEqual(Array.from({ length: 40 }, (_, i) => i + 2));
    expect(persists.seen).toBe(2 * alone);
    expect(wal.lastSequence).toBe(41);
    expect((await accountFor(await machine.open(), records)).returned).toHaveLength(41);
  });

  test('wakes its writers, and has them in the next one again, however many functions lie between', async () => {
    const machine = new LogMachine({ pages: 40, ...options });
    const wal = await machine.open({ create: true });
    wal.append(payloadOf(1, 20));
    const persists = count(machine, 'persist');
    wal.commit();
    const alone = persists.seen;
    const rounds = 10;
    const through = async (functions: number): Promise<unknown> =>
      functions === 0 ? wal.appendDurable(payloadOf(functions, 30)) : await through(functions - 1);
    const write = async (functions: number): Promise<void> => {
      for (let round = 0; round < rounds; round++) await through(functions);
    };
    await Promise.all([0, 0, 0, 12, 12, 12].map((functions) => write(functions)));
    expect(wal.lastSequence).toBe(1 + 6 * rounds);
    expect(persists.seen / alone - 1).toBeLessThanOrEqual(rounds + 1);
  });

  test('is durable when its promises are fulfilled, and not before', async () => {
    const machine = new LogMachine({ pages: PAGES, ...options });
    const wal = await machine.open({ create: true });
    const records = new Map<number, Uint8Array>();
    const written = writers(wal, records, [10, 5000, 40]);
    expect(wal.lastSequence).toBe(0);
    await written;
    machine.crash(loseAll);
    expect((await accountFor(await machine.open(), records)).returned).toEqual([1, 2, 3]);
  });

  test('that commit() or truncate() overtakes is ended first, and its writers learn of it', async () => {
    for (let turns = 0; turns < 12; turns++) {
      const machine = new LogMachine({ pages: PAGES, ...options });
      const wal = await machine.open({ create: true });
      const records = new Map([[1, payloadOf(1, 9)]]);
      wal.append(payloadOf(1, 9));
      wal.commit();
      const written = writers(wal, records, [100, 200]);
      for (let i = 0; i < turns; i++) await (turns % 2 === 0 ? Promise.resolve() : new Promise(setImmediate));
      wal.truncate(1);
      records.set(wal.append(payloadOf(4, 300)), payloadOf(4, 300));
      expect(wal.commit().lastSequence).toBe(4);
      machine.crash(loseAll);
      expect(await written).toEqual([2, 3]);
      expect((await accountFor(await machine.open(), records)).returned).toEqual([2, 3, 4]);
    }
  });

  test('that close() meets is ended; what waits behind it is refused', async () => {
    const machine = new LogMachine({ pages: PAGES, ...options });
    const wal = await machine.open({ create: true });
    const first = wal.appendDurable(payloadOf(1, 10));
    wal.close();
    await expect(first).rejects.toMatchObject({ code: 'ERR_WAL_CLOSED' });
    await expect(wal.appendDurable(payloadOf(1, 10))).rejects.toMatchObject({ code: 'ERR_WAL_CLOSED' });
    await expect(wal.commitAsync()).rejects.toMatchObject({ code: 'ERR_WAL_CLOSED' });
    expect((await machine.open()).lastSequence).toBe(0);
  });

  test('meets poison: the page is repaired, and no writer notices', async () => {
    const machine = new LogMachine({ pages: PAGES, ...options, filesystem: 'ext4' });
    const wal = await machine.open({ create: true });
    const records = new Map<number, Uint8Array>();
    await writers(wal, records, [100, 200]);
    for (const page of [1, 2]) machine.poison('log', page);
    await writers(wal, records, [50, 6000, 7]);
    expect((await accountFor(await machine.open(), records)).lost).toEqual([]);
  });

  test('that leaves its page has its commit point in every header copy before it is acknowledged', async () => {
    const machine = new LogMachine({ pages: PAGES, ...options, filesystem: 'ext4' });
    const wal = await machine.open({ create: true });
    const records = new Map<number, Uint8Array>();
    await writers(wal, records, [100, 200]);
    machine.poison('log', 0);
    wal.append(payloadOf(3, 5000));
    records.set(3, payloadOf(3, 5000));
    expect(await wal.commitAsync()).toEqual({ lastSequence: 3, missing: [] });
    machine.poison('log', PAGES - 1);
    expect((await accountFor(await machine.open(), records)).returned).toEqual([1, 2, 3]);
  });

  test('fails for an error that is no damage: every writer is told, and the log refuses to go on', async () => {
    const machine = new LogMachine({ pages: PAGES, ...options });
    const wal = await machine.open({ create: true });
    const stop = machine.driver.observe((operation) => (operation.name === 'persist' ? { errno: 5 } : undefined));
    const outcomes = await Promise.allSettled([1, 2].map((i) => wal.appendDurable(payloadOf(i, 10))));
    stop();
    expect(outcomes).toMatchObject([1, 2].map(() => ({ status: 'rejected', reason: { code: 'ERR_PMEM_IO' } })));
    await expect(wal.appendDurable(payloadOf(3, 1))).rejects.toMatchObject({ code: 'ERR_WAL_FAILED' });
    expect(() => wal.commit()).toThrow(expect.objectContaining({ code: 'ERR_WAL_FAILED' }));
  });
});

describe('a group', () => {
  test('whose records commit() has taken has their header copies repaired all the same', async () => {
    const machine = new LogMachine({ pages: PAGES, filesystem: 'ext4' });
    const wal = await machine.open({ create: true });
    const records = new Map<number, Uint8Array>();
    await writers(wal, records, [10]);
    machine.poison('log', 0);
    const written = writers(wal, records, [5000]);
    const waiting = wal.commitAsync();
    expect(wal.commit().missing).toHaveLength(1);
    expect(await written).toEqual([2]);
    expect(await waiting).toEqual({ lastSequence: 2, missing: [] });
    machine.poison('log', PAGES - 1);
    expect((await accountFor(await machine.open(), records)).returned).toEqual([1, 2]);
  });

  test('gives a result that is the callers own', async () => {
    const machine = new LogMachine({ pages: PAGES });
    const wal = await machine.open({ create: true });
    const missingAfter = async (): Promise<unknown[]> => {
      wal.append(payloadOf(1, 10));
      return (await wal.commitAsync()).missing as unknown[];
    };
    for (let i = 0; i < 4; i++) {
      const missing = await missingAfter();
      expect(missing).toEqual([]);
      missing.push('noted');
    }
  });

  test('does not learn from its callers which copies have missed it', async () => {
    const machine = new LogMachine({ pages: PAGES });
    const wal = await machine.open({ create: true });
    const stop = machine.driver.observe(({ name, position }) =>
      (name === 'write' && position > (PAGES - 1) * PAGE ? { signalCode: 4, granuleLog2: 12 } : undefined));
    wal.append(payloadOf(1, 10));
    (wal.commit().missing as unknown[]).pop();
    stop();
    wal.append(payloadOf(2, 10));
    wal.commit();
    machine.poison('log', 0);
    const again = await machine.open();
    expect([again.commitPointLost, again.lastSequence]).toEqual([false, 2]);
  });

  test('says which header copies a device that cannot clear has lost for good', async () => {
    const machine = new LogMachine({ pages: PAGES, clearable: false });
    const wal = await machine.open({ create: true });
    machine.poison('log', 0);
    for (let i = 1; i <= 3; i++) {
      wal.append(payloadOf(i, 30));
      expect(await wal.commitAsync()).toMatchObject({ lastSequence: i, missing: [{ range: { offset: 0 }, reason: 'media' }] });
    }
    expect(wal.unusablePages).toEqual([]);
  });

  test('on a device that cannot clear is laid out around the page', async () => {
    const machine = new LogMachine({ pages: PAGES, clearable: false });
    const wal = await machine.open({ create: true });
    const records = new Map<number, Uint8Array>();
    await writers(wal, records, [100]);
    machine.poison('log', 2);
    await writers(wal, records, [6000, 80]);
    expect(wal.unusablePages).toEqual([2 * PAGE]);
    expect((await accountFor(await machine.open(), records)).lost).toEqual([]);
  });

  test('that finds no room is refused, and its records go with a later one', async () => {
    const machine = new LogMachine({ pages: 4, clearable: false });
    const wal = await machine.open({ create: true });
    const records = new Map<number, Uint8Array>();
    await writers(wal, records, [100]);
    machine.poison('log', 2);
    await expect(writers(wal, records, [6000])).rejects.toMatchObject({ code: 'ERR_WAL_FULL' });
    expect([wal.lastSequence, wal.nextSequence]).toEqual([1, 3]);
    expect(() => wal.commit()).toThrow(expect.objectContaining({ code: 'ERR_WAL_FULL' }));
    expect((await accountFor(await machine.open(), records)).returned).toEqual([1]);
  });

  test('does not keep the event loop from its turn, however short it is', async () => {
    const wal = await new LogMachine({ pages: 40 }).open({ create: true });
    let turns = 0;
    const turn = setImmediate(function next() {
      turns++;
    });
    for (let i = 0; i < 300; i++) await wal.appendDurable(payloadOf(i, 8));
    clearImmediate(turn);
    expect(turns).toBe(1);
  });

  test.each([
    ['everything unpersisted lost', loseAll],
    ['everything kept', keepAll],
    ['any subset', undefined],
  ] as const)('and power loss at every operation: %s', async (_, chooser) => {
    const [seed = 0] = seedsFor(1);
    for (const [name, options] of PERSIST_WAYS) {
      for (let at = 1, crashed = true; crashed; at++) {
        crashed = await crashAndCheck(at, { ...options, seed }, chooser).catch((cause: unknown) => {
          throw new Error(`${name}, operation ${at}, WAL_SEED=${seed}`, { cause });
        });
      }
    }
  });
});

/** Two groups beside a synchronous commit and a truncation; power fails at operation `at`. False if it did not. */
async function crashAndCheck(at: number, options: Partial<LogMachineOptions>, chooser?: CrashChooser): Promise<boolean> {
  const machine = new LogMachine({ pages: PAGES, ...options });
  const records = new Map<number, Uint8Array>();
  const wal = await machine.open({ create: true });
  const stop = machine.driver.observe(crashAt(machine.driver.operations + at, chooser));
  let acknowledged = 0;
  let deaths = 0;
  const noted = (sequences: Promise<number[]>): Promise<void> =>
    sequences.then(
      (list) => {
        acknowledged = Math.max(acknowledged, ...list);
      },
      (error: unknown) => {
        if (!isDeath(error)) throw error;
        deaths++;
      },
    );
  await noted(writers(wal, records, [30, 4100]));
  const second = noted(writers(wal, records, [200, 60]));
  await new Promise(setImmediate);
  try {
    acknowledged = Math.max(acknowledged, wal.commit().lastSequence);
    wal.truncate(1);
  } catch (error) {
    if (!isDeath(error)) throw error;
    deaths++;
  }
  await second;
  stop();
  if (deaths === 0) return false;
  machine.files = [];
  const again = await machine.open();
  expect(again.lastSequence).toBeGreaterThanOrEqual(acknowledged);
  expect((await accountFor(again, records)).lost).toEqual([]);
  for (const sequence of [...records.keys()]) if (sequence > (again.lastSequence ?? 0)) records.delete(sequence);
  await writers(again, records, [11, 5000]);
  expect((await accountFor(await machine.open(), records)).lost).toEqual([]);
  return true;
}

/** Power has failed, or the log has noticed that it did. */
function isDeath(error: unknown): boolean {
  return error instanceof SimulatedCrash || (error as { code?: unknown }).code === 'ERR_WAL_FAILED';
}

