import { describe, expect, test } from 'vitest';
import { PmemFile } from '@safe-pmem/core';
import type { LeafProgress } from '../../src/pages/index.js';
import { Wal } from '../../src/wal/index.js';
import { PAGE, PATHS, StoreMachine, valueOf } from './store-machine.js';

async function filledStore(mirrored = true): Promise<StoreMachine> {
  const machine = new StoreMachine({ pages: 16, logPages: 12, mirrored });
  await machine.open({ create: true });
  for (let i = 0; i < 12; i++) await machine.put(`key ${i}`, valueOf(i, 900));
  await machine.store.checkpoint();
  await machine.put('key 3', valueOf(77, 500));
  return machine;
}

const codeOf = (opened: Promise<unknown>): Promise<unknown> =>
  opened.then(
    () => 'opened',
    (error: unknown) => (error as { code?: unknown }).code,
  );

describe('a new store', () => {
  test('is made only if that is asked for', async () => {
    const machine = new StoreMachine();
    expect(await codeOf(machine.open())).toBe('ERR_PAGES_NOT_FORMATTED');
    await machine.open({ create: true });
    await machine.put('a', valueOf(1, 10));
    await machine.open();
    expect(machine.account()).toEqual([]);
    await machine.open({ create: true });
    expect(machine.account()).toEqual([]);
  });

  test('never over something else', async () => {
    for (const member of ['file', 'mirror'] as const) {
      const machine = new StoreMachine();
      await machine.overwrite(member, 5 * PAGE, Uint8Array.of(1));
      expect(await codeOf(machine.open({ create: true }))).toBe('ERR_PAGES_FOREIGN');
      expect(machine.page(member, 5)[0]).toBe(1);
    }
  });

  test('nor over a store whose log is gone', async () => {
    const machine = await filledStore();
    const before = machine.driver.readFile(PATHS.file);
    await machine.close();
    for (const member of ['log', 'logMirror'] as const) await machine.overwrite(member, 0, new Uint8Array(12 * PAGE));
    expect(await codeOf(machine.open({ create: true }))).toBe('ERR_PAGES_FOREIGN');
    expect(Buffer.compare(machine.driver.readFile(PATHS.file), before)).toBe(0);
  });

  test('in a log that belongs to something else', async () => {
    const machine = new StoreMachine();
    const [file, mirror] = [await machine.openFile('log'), await machine.openFile('logMirror')];
    const wal = await Wal.open({ file, mirror, create: true });
    wal.append(Buffer.from('not a record of a store'));
    wal.commit();
    expect(await codeOf(machine.open({ create: true }))).toBe('ERR_PAGES_FOREIGN');
  });

  test('of a later version is left alone', async () => {
    const machine = await filledStore(false);
    await machine.close();
    const header = Buffer.from(machine.page('file', 0));
    header.writeUInt32LE(2, 16);
    header.writeUInt32LE((await import('node:zlib')).crc32(header.subarray(4, 48)), 0);
    await machine.overwrite('file', 0, header);
    expect(await codeOf(machine.open())).toBe('ERR_PAGES_VERSION');
  });
});

describe('the mirror', () => {
  test('must be given, or given up', async () => {
    const machine = await filledStore();
    expect(await codeOf(machine.open({ detachMirror: false }))).toBe('ERR_PAGES_MIRROR_MISSING');
    await machine.open({ detachMirror: true });
    expect(machine.account()).toEqual([]);
    await machine.put('key 4', valueOf(5, 40));
    await machine.store.checkpoint();
  });

  test('that has been given up is not believed again, only overwritten', async () => {
    const machine = await filledStore();
    await machine.open({ detachMirror: true });
    for (let i = 0; i < 12; i++) await machine.put(`key ${i}`, valueOf(i + 30, 800));
    await machine.store.checkpoint();
    expect(await codeOf(machine.open())).toBe('ERR_PAGES_MIRROR_STALE');
    await machine.open({ attachMirror: true });
    expect(machine.account()).toEqual([]);
    await machine.open();
    for (let slot = 0; slot < 16; slot++) machine.poison('file', slot);
    await machine.open();
    expect(machine.account()).toEqual([]);
  });

  test('that has been given up is not overwritten where it has a page that the store has lost', async () => {
    const machine = await filledStore();
    await machine.open({ detachMirror: true });
    for (let i = 0; i < 12; i++) await machine.put(`key ${i}`, valueOf(i + 30, 800));
    await machine.store.checkpoint();
    await machine.close();
    for (let slot = 1; slot < 16; slot++) machine.poison('file', slot);
    const before = Buffer.from(machine.driver.readFile(PATHS.mirror));
    expect(await codeOf(machine.open({ attachMirror: true }))).toBe('ERR_PAGES_MIRROR_STALE');
    expect(before.equals(machine.driver.readFile(PATHS.mirror))).toBe(true);
  });

  test('can be attached to a store that never had one', async () => {
    const machine = await filledStore(false);
    await machine.close();
    machine.driver.writeFile(PATHS.mirror, new Uint8Array(PAGE));
    const open = async (path: string): Promise<PmemFile> => PmemFile.open(path, { driver: machine.driver });
    expect(await codeOf(machine.open({ mirror: await open(PATHS.mirror) }))).toBe('ERR_PAGES_MIRROR_STALE');
    await machine.open({ mirror: await open(PATHS.mirror), attachMirror: true });
    await machine.put('key 1', valueOf(3, 30));
    await machine.store.checkpoint();
    for (let slot = 0; slot < 16; slot++) machine.poison('file', slot);
    await machine.open({ mirror: await open(PATHS.mirror) });
    expect(machine.account()).toEqual([]);
  });

  test('is enough alone', async () => {
    const machine = await filledStore();
    await machine.close();
    const file = await PmemFile.open(PATHS.mirror, { driver: machine.driver });
    await machine.open({ file, detachMirror: true });
    expect(machine.account()).toEqual([]);
    // The other file, which missed this, is refused now.
    await machine.put('key 1', valueOf(9, 10));
    await machine.close();
    expect(await codeOf(machine.open({ detachMirror: false }))).toBe('ERR_PAGES_MIRROR_STALE');
  });

  test('of another store is refused', async () => {
    const [one, other] = [await filledStore(), await filledStore()];
    await one.close();
    await other.close();
    one.driver.writeFile(PATHS.mirror, other.driver.readFile(PATHS.mirror));
    expect(await codeOf(one.open())).toBe('ERR_PAGES_MIRROR_STALE');
    one.driver.writeFile(PATHS.file, other.driver.readFile(PATHS.file));
    expect(await codeOf(one.open())).toBe('ERR_PAGES_MIRROR_STALE');
  });
});

describe('the log', () => {
  test('with the record of the checkpoint lost in both files: nothing is guessed', async () => {
    const machine = await filledStore();
    for (const member of ['log', 'logMirror'] as const) for (let page = 1; page < 11; page++) machine.poison(member, page);
    expect(await codeOf(machine.open())).toBe('ERR_PAGES_LOG_LOST');
    expect(await codeOf(machine.open({ acceptLostBatches: true, create: true }))).toBe('ERR_PAGES_LOG_LOST');
  });

  test('with every commit point lost', async () => {
    const machine = await filledStore();
    for (const member of ['log', 'logMirror'] as const) for (const page of [0, 11]) machine.poison(member, page);
    expect(await codeOf(machine.open({ create: true }))).toBe('ERR_PAGES_LOG_LOST');
  });
});

test('a data file that was cut off is made as long as before, and comes back from its mirror', async () => {
  const machine = await filledStore();
  await machine.close();
  machine.driver.truncate(PATHS.file, 3 * PAGE);
  await machine.open();
  expect(machine.account()).toEqual([]);
  expect((await machine.store.repair()).lost).toEqual([]);
  for (let slot = 0; slot < 16; slot++) machine.poison('mirror', slot);
  await machine.open();
  expect(machine.account()).toEqual([]);
});

test('no leaf stays in memory with cachedLeaves: 0; less than that is refused', async () => {
  const machine = new StoreMachine({ pages: 32 });
  await machine.open({ create: true, cachedLeaves: 0 });
  for (let i = 0; i < 12; i++) await machine.put(`key ${i}`, valueOf(i, 1000));
  await machine.store.checkpoint();
  expect(machine.account()).toEqual([]);
  await machine.put('key 3', valueOf(77, 500));
  await machine.open({ cachedLeaves: 0 });
  expect(machine.account()).toEqual([]);
  for (const cachedLeaves of [-1, NaN]) await expect(machine.open({ cachedLeaves })).rejects.toThrow(RangeError);
});

describe('opening a store of many pages', () => {
  /** Two or three fit into a leaf. */
  const KEYS = 1200;

  async function manyLeaves(): Promise<StoreMachine> {
    const machine = new StoreMachine({ pages: 700, logPages: 200 });
    await machine.open({ create: true });
    for (let i = 0; i < KEYS; i += 20) {
      const keys = Array.from({ length: 20 }, (_, j) => Buffer.from(`key ${String(i + j).padStart(4, '0')}`));
      await machine.batch(...keys.map((key, j) => ({ type: 'put' as const, key, value: valueOf(i + j, 950) })));
    }
    await machine.store.checkpoint();
    return machine;
  }

  test('the event loop has its turn in between, and progress is told', async () => {
    const machine = await manyLeaves();
    const told: LeafProgress[] = [];
    let turns = 0;
    let opening = true;
    const count = (): void => {
      turns++;
      if (opening) setImmediate(count);
    };
    await machine.open({
      onProgress: (progress) => {
        told.push(progress);
        if (told.length === 1) setImmediate(count);
      },
    });
    opening = false;
    const total = machine.store.slots().filter((kind) => kind === 'leaf').length;
    expect(total).toBeGreaterThan(256);
    expect(told.map(({ doneLeaves }) => doneLeaves)).toEqual([...told].map((_, i) => Math.min(128 * (i + 1), total)));
    expect(told.at(-1)).toEqual({ doneLeaves: total, totalLeaves: total });
    expect(turns).toBeGreaterThanOrEqual(told.length - 1);
    expect(machine.account()).toEqual([]);
  });

  test('an error of onProgress ends it, and the store can be opened again', async () => {
    const machine = await manyLeaves();
    await expect(machine.open({ onProgress: () => { throw new Error('enough'); } })).rejects.toThrow('enough');
    await machine.open();
    expect(machine.account()).toEqual([]);
  });

  test('what is no function is refused', async () => {
    const machine = new StoreMachine();
    await expect(machine.open({ create: true, onProgress: 5 as never })).rejects.toThrow(TypeError);
  });
});
