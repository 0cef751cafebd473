import { describe, expect, test } from 'vitest';
import { MediaError, PmemError } from '@safe-pmem/core';
import type { PmemLevel } from '../../src/level/index.js';
import { LossError } from '../../src/level/index.js';
import type { FileName } from './level-machine.js';
import { FILES, LevelMachine, PAGE } from './level-machine.js';

const KEYS = Array.from({ length: 30 }, (_, i) => `key ${String(i).padStart(2, '0')}`);
const valueFor = (key: string): string => (key.endsWith('7') ? key.repeat(800) : key.repeat(60));

async function filled(options: ConstructorParameters<typeof LevelMachine>[0] = {}, machine: ConstructorParameters<typeof LevelMachine>[1] = {}): Promise<LevelMachine> {
  const made = new LevelMachine(options, machine);
  const db = await made.open();
  for (const key of KEYS) await db.put(key, valueFor(key));
  await db.checkpoint();
  return made;
}

/** The keys that are lost; all others must be there, and right, by every way of reading. */
async function lostKeys(db: PmemLevel): Promise<string[]> {
  const lost: string[] = [];
  for (const key of KEYS) {
    try {
      const value = await db.get(key);
      expect([key, value]).toEqual([key, valueFor(key)]);
      expect(db.getSync(key)).toBe(value);
    } catch (error) {
      expect(requireLoss(error)).toBe(error);
      expect(() => db.getSync(key)).toThrow(LossError);
      await expect(db.getMany([key])).rejects.toBeInstanceOf(LossError);
      lost.push(key);
    }
  }
  expect(await scannedLosses(db)).toEqual(lost);
  return lost;
}

/** Keys that an iterator over all of them does not return, because of the losses that it reports instead. */
async function scannedLosses(db: PmemLevel): Promise<string[]> {
  const iterator = db.iterator();
  const seen = new Set<string>();
  const lost = new Set<string>();
  for (;;) {
    try {
      const entry = await iterator.next();
      if (entry === undefined) break;
      expect(entry[1]).toBe(valueFor(entry[0]));
      seen.add(entry[0]);
    } catch (error) {
      const { from, to } = requireLoss(error);
      const end = to && Buffer.from(to).toString();
      for (const key of KEYS) if (key >= Buffer.from(from).toString() && (end === undefined || key < end)) lost.add(key);
    }
  }
  await iterator.close();
  for (const key of seen) lost.delete(key);
  expect(seen.size + lost.size).toBe(KEYS.length);
  return [...lost].sort();
}

function requireLoss(error: unknown): LossError {
  expect(error).toBeInstanceOf(LossError);
  expect(error).toMatchObject({ code: 'LEVEL_CORRUPTION' });
  const { cause } = error as LossError;
  expect(cause instanceof MediaError || (cause instanceof PmemError && cause.code === 'ERR_PMEM_LOST')).toBe(true);
  return error as LossError;
}

describe('one bad page', () => {
  test.each<FileName>(['pages', 'mirror', 'log', 'logMirror'])('anywhere in %s: the database does not notice, and heals', async (name) => {
    const count = (await filled()).pageCount(name);
    for (let page = 0; page < count; page++) {
      const machine = await filled();
      machine.poison(name, page);
      expect([page, await lostKeys(machine.db)]).toEqual([page, []]);
      await machine.open();
      expect([page, await lostKeys(machine.db)]).toEqual([page, []]);
      await machine.db.put('key 00', valueFor('key 00'));
      await machine.db.repair();
      expect([page, machine.driver.poisoned]).toEqual([page, []]);
    }
  }, 180_000);

  test('is repaired as soon as it was met, and the application is told', async () => {
    const machine = await filled({ cachedLeaves: 1 });
    const db = await machine.open();
    const [slot = 0] = machine.slotsWith('leaf');
    machine.poison('pages', slot);
    const reported = new Promise((resolve) => {
      db.once('repair', resolve);
    });
    expect(await lostKeys(db)).toEqual([]);
    expect(await reported).toMatchObject({ rebuilt: [{ role: 'pages', slot }], lostKeys: [] });
    expect(machine.driver.poisoned).toEqual([]);
  });

  test('at open too; unless that is not wanted', async () => {
    const machine = await filled();
    const [slot = 0] = machine.slotsWith('leaf');
    machine.poison('pages', slot);
    await machine.open({ autoRepair: false });
    expect(await lostKeys(machine.db)).toEqual([]);
    expect(machine.driver.poisoned).toHaveLength(1);
    await machine.open();
    expect(machine.driver.poisoned).toEqual([]);
  });
});

describe('without redundancy', () => {
  test('a bad leaf loses its keys alone, until they are written again', async () => {
    for (const slot of (await filled({ mirror: false })).slotsWith('leaf')) {
      const machine = await filled({ mirror: false });
      machine.poison('pages', slot);
      await machine.open();
      const lost = await lostKeys(machine.db);
      for (const key of KEYS) if (!lost.includes(key)) await machine.db.put(key, valueFor(key));
      await machine.db.checkpoint();
      await machine.open();
      expect([slot, await lostKeys(machine.db)]).toEqual([slot, lost]);
      await machine.db.batch(lost.map((key) => ({ type: 'put', key, value: valueFor(key) })));
      await machine.open();
      for (const key of KEYS) expect(await machine.db.get(key)).toBe(valueFor(key));
    }
  }, 180_000);

  test('a bad piece of a long value loses that key alone', async () => {
    const slots = (await filled({ mirror: false })).slotsWith('over');
    expect(slots.length).toBeGreaterThan(3);
    for (const slot of slots) {
      const machine = await filled({ mirror: false });
      machine.poison('pages', slot);
      for (let round = 0; round < 2; round++) {
        const lost = await lostKeys(machine.db);
        expect(lost).toHaveLength(1);
        expect(await machine.db.has(lost[0] ?? '')).toBe(true);
        await machine.open();
      }
      const [key = ''] = await lostKeys(machine.db);
      expect(await machine.db.keys().all()).toEqual(KEYS);
      await machine.db.put(key, valueFor(key));
      expect(await lostKeys(machine.db)).toEqual([]);
    }
  }, 180_000);

  test('the same page bad in both files: the same', async () => {
    const machine = await filled();
    const [slot = 0] = machine.slotsWith('leaf').slice(1);
    for (const name of ['pages', 'mirror'] as const) machine.poison(name, slot);
    await machine.open();
    const lost = await lostKeys(machine.db);
    expect(lost.length).toBeGreaterThan(0);
    await machine.open();
    expect(await lostKeys(machine.db)).toEqual(lost);
  });

  test('nextv() returns what comes before a loss, then the loss, then what comes behind', async () => {
    const machine = await filled({ mirror: false });
    const [, slot = 0] = machine.slotsWith('leaf').slice(1);
    machine.poison('pages', slot);
    const db = await machine.open();
    const lost = await lostKeys(db);
    const iterator = db.keys();
    const seen: string[] = [];
    let losses = 0;
    for (;;) {
      const some = await iterator.nextv(7).catch((error: unknown) => {
        requireLoss(error);
        losses++;
        return undefined;
      });
      if (some?.length === 0) break;
      seen.push(...(some ?? []));
    }
    await iterator.close();
    expect([losses, seen]).toEqual([1, KEYS.filter((key) => !lost.includes(key))]);
    await expect(db.iterator().all()).rejects.toBeInstanceOf(LossError);
    expect(await db.iterator({ lt: lost[0] ?? '' }).all()).toHaveLength(KEYS.indexOf(lost[0] ?? ''));
  });

  test('clear() accepts the loss', async () => {
    const machine = await filled({ mirror: false });
    for (const slot of machine.slotsWith('leaf')) machine.poison('pages', slot);
    const db = await machine.open();
    expect((await lostKeys(db)).length).toBe(KEYS.length);
    await db.clear();
    expect(await db.iterator().all()).toEqual([]);
    expect(await db.get('key 00')).toBeUndefined();
    await machine.open();
    expect(await machine.db.iterator().all()).toEqual([]);
  });

  test('batches lost in both files of the log: open() fails and says which', async () => {
    const machine = await filled();
    for (const key of KEYS) await machine.db.put(key, valueFor(key).slice(0, 900));
    const count = machine.pageCount('log');
    await machine.close();
    for (const name of ['log', 'logMirror'] as const) for (let page = 1; page < count - 1; page += 2) machine.poison(name, page);
    const error: unknown = await machine.open().catch((reason: unknown) => reason);
    const { cause } = error as Error;
    expect([(error as { code: unknown }).code, (cause as { code: unknown }).code]).toEqual([
      'LEVEL_DATABASE_NOT_OPEN',
      expect.stringMatching(/^ERR_PAGES_(BATCHES|LOG)_LOST$/),
    ]);
    expect((cause as Error).cause).toBeInstanceOf(MediaError);
    expect(machine.driver.readFile(FILES.log)).toHaveLength(count * PAGE);
  });

  test('a device that cannot clear: the database goes on around the bad page', async () => {
    const machine = await filled({}, { clearable: false });
    const [slot = 0] = machine.slotsWith('leaf');
    machine.poison('pages', slot);
    await machine.open();
    expect(await lostKeys(machine.db)).toEqual([]);
    machine.poison('mirror', slot);
    await machine.open();
    expect(await lostKeys(machine.db)).toEqual([]);
  });
});
