import { describe, expect, test } from 'vitest';
import { MediaError, PmemError } from '@safe-pmem/core';
import { LostKeysError } from '../../src/pages/index.js';
import { sizeOf } from '../share.js';
import { Random } from '../wal/log-machine.js';
import type { Member, StoreMachineOptions } from './store-machine.js';
import { PAGE, PATHS, StoreMachine, nameOf, requireLoss, seedsFor, valueOf } from './store-machine.js';

/** A store of some leaves, long values, and batches that are in the log alone. */
async function filledStore(options: StoreMachineOptions = {}): Promise<StoreMachine> {
  const machine = new StoreMachine({ pages: 24, logPages: 12, ...options });
  await machine.open({ create: true });
  for (let i = 0; i < 16; i++) await machine.put(`key ${String(i).padStart(2, '0')}`, valueOf(i, i % 6 === 3 ? 5000 : 700));
  await machine.store.checkpoint();
  for (let i = 0; i < 16; i += 5) await machine.put(`key ${String(i).padStart(2, '0')}`, valueOf(i + 50, 300));
  return machine;
}

/**
 * The keys that a slot of the data file holds, read from the byte table in format.ts and not through the code under
 * test: of a leaf, those with a value there; of an overflow page, the key whose reference leads to it.
 */
function keysIn(machine: StoreMachine, slot: number): string[] {
  const pages = Array.from({ length: machine.driver.readFile(PATHS.file).length / PAGE }, (_, i) => Buffer.from(machine.page('file', i)));
  const leaves = pages.map((page, i) => (machine.store.slots()[i] === 'leaf' ? leafEntries(page) : []));
  if (pages[slot]?.toString('latin1', 4, 8) === 'leaf') return (leaves[slot] ?? []).map(({ key }) => key);
  for (const { key, first } of leaves.flat()) {
    for (let next = first ?? 0; next !== 0; next = pages[next]?.readUInt32LE(28) ?? 0) if (next === slot) return [key];
  }
  return [];
}

function leafEntries(page: Buffer): { key: string; first: number | undefined }[] {
  const entries: { key: string; first: number | undefined }[] = [];
  let at = 40 + page.readUInt16LE(32) + page.readUInt16LE(34);
  for (let i = 0; i < page.readUInt16LE(28); i++) {
    const end = at + 8 + page.readUInt16LE(at);
    entries.push({ key: nameOf(page.subarray(at + 8, end)), first: page.readUInt16LE(at + 2) === 1 ? page.readUInt32LE(end) : undefined });
    at = end + page.readUInt32LE(at + 4);
  }
  return entries;
}

const slotsOf = (machine: StoreMachine, ...kinds: string[]): number[] =>
  machine.store.slots().flatMap((kind, slot) => (kinds.includes(kind) ? [slot] : []));

describe('one bad page, with a mirror', () => {
  test.each<Member>(['file', 'mirror', 'log', 'logMirror'])('anywhere in %s: nothing is lost, and it comes back', async (member) => {
    const pages = (await filledStore()).driver.readFile(PATHS[member]).length / PAGE;
    expect(pages).toBeGreaterThanOrEqual(12);
    for (let page = 0; page < pages; page++) {
      const machine = await filledStore();
      machine.poison(member, page);
      expect([page, machine.account()]).toEqual([page, []]);
      await machine.open();
      expect([page, machine.account()]).toEqual([page, []]);
      const report = await machine.store.repair();
      expect(report).toMatchObject({ lost: [], failed: [], lostKeys: [] });
      expect(report.rebuilt.length + report.emptied.length + report.log.rebuilt.length + report.log.emptied.length).toBe(1);
      expect(machine.driver.poisoned).toEqual([]);
      await machine.put('key 03', valueOf(99, 6000));
      await machine.store.checkpoint();
      await machine.open();
      expect([page, machine.account()]).toEqual([page, []]);
    }
  }, 180_000);

  test('a page that was rebuilt holds what it held', async () => {
    const machine = await filledStore();
    const [slot = 0] = slotsOf(machine, 'leaf');
    const before = machine.page('file', slot).slice();
    machine.poison('file', slot);
    await machine.open();
    expect(machine.store.damage).toMatchObject([{ role: 'pages', slot, reason: 'media' }]);
    expect((await machine.store.repair()).rebuilt).toEqual([{ role: 'pages', slot }]);
    expect(Buffer.compare(machine.page('file', slot), before)).toBe(0);
    expect(machine.store.damage).toEqual([]);
  });

  test('a page that changed silently comes back too', async () => {
    for (const kind of ['leaf', 'value', 'header']) {
      const machine = await filledStore();
      const [slot = -1] = slotsOf(machine, kind);
      await machine.close();
      await machine.overwrite('file', slot * PAGE + 45, Uint8Array.of(0xee));
      await machine.overwrite('file', slot * PAGE + 25, Uint8Array.of(0xee));
      await machine.open();
      expect([kind, machine.account()]).toEqual([kind, []]);
      expect((await machine.store.repair()).rebuilt).toEqual([{ role: 'pages', slot }]);
    }
  });

  test('poison that appears in free pages before they are written: other pages are taken', async () => {
    for (const latent of [false, true]) {
      const machine = await filledStore();
      const free = slotsOf(machine, 'free');
      for (const slot of free) machine.driver.poison(PATHS.mirror, { offset: slot * PAGE, length: PAGE }, { latent });
      for (let i = 0; i < 12; i++) await machine.put(`key ${String(i).padStart(2, '0')}`, valueOf(i + 7, 900));
      await machine.store.checkpoint();
      expect(slotsOf(machine, 'unusable').length).toBeGreaterThan(3);
      expect(machine.account()).toEqual([]);
      expect((await machine.store.repair()).emptied).toEqual(free.map((slot) => ({ role: 'mirror', slot })));
      expect(slotsOf(machine, 'unusable')).toEqual([]);
      await machine.open();
      expect(machine.account()).toEqual([]);
    }
  });

  test('a device that cannot clear: what the page held is stored elsewhere', async () => {
    for (const kind of ['leaf', 'value']) {
      const machine = await filledStore({ clearable: false, filesystem: 'ext4' });
      const [slot = -1] = slotsOf(machine, kind);
      machine.poison('file', slot);
      const report = await machine.store.repair();
      expect([kind, report.failed, report.lostKeys]).toMatchObject([kind, [{ role: 'pages', slot }], []]);
      expect(machine.store.slots()[slot]).toBe('unusable');
      expect(machine.account()).toEqual([]);
      machine.poison('mirror', slot);
      await machine.open();
      expect([kind, machine.account()]).toEqual([kind, []]);
    }
  });
});

describe('pages that no file has', () => {
  test('without a mirror exactly their keys are lost, and every other key is readable and writable', async () => {
    const slots = slotsOf(await filledStore({ mirrored: false }), 'leaf', 'value');
    expect(slots.length).toBeGreaterThan(8);
    for (const slot of slots) {
      const machine = await filledStore({ mirrored: false });
      // Batches after the checkpoint are in the log: what they wrote is not lost with the page.
      const inLog = ['key 00', 'key 05', 'key 10', 'key 15'];
      const expected = keysIn(machine, slot).filter((key) => !inLog.includes(key));
      machine.poison('file', slot);
      await machine.open();
      expect([slot, machine.account()]).toEqual([slot, expected]);
      for (const key of expected) {
        const { cause } = requireLoss(catchOf(() => machine.store.get(Buffer.from(key))));
        expect(cause).toBeInstanceOf(MediaError);
        expect((cause as MediaError).ranges).toEqual([{ offset: slot * PAGE, length: PAGE }]);
      }
      for (const key of machine.model.keys().filter((name) => !expected.includes(name))) await machine.put(key, valueOf(slot, 80));
      expect([slot, machine.account()]).toEqual([slot, expected]);
    }
  });

  test('they stay lost over repair, checkpoint and restart, until they are written', async () => {
    const machine = await filledStore({ mirrored: false });
    const [slot = 0] = slotsOf(machine, 'leaf').slice(2);
    const keys = keysIn(machine, slot).filter((key) => !['key 00', 'key 05', 'key 10', 'key 15'].includes(key));
    machine.poison('file', slot);
    await machine.open();
    const report = await machine.store.repair();
    expect(report.lost).toMatchObject([{ role: 'pages', slot, reason: 'media' }]);
    const inReport = report.lostKeys.flatMap(({ from, to }) => machine.model.keysIn(nameOf(from), to && nameOf(to)));
    expect(inReport).toEqual(expect.arrayContaining(keys));
    for (let round = 0; round < 3; round++) {
      expect(machine.account()).toEqual(keys);
      expect(requireLoss(catchOf(() => machine.store.get(Buffer.from(keys[0] ?? '')))).cause).toBeInstanceOf(PmemError);
      await machine.store.checkpoint();
      await machine.open();
    }
    expect(machine.store.lostKeys()).toHaveLength(1);
    const [first = '', ...rest] = keys;
    await machine.put(first, valueOf(1, 10));
    expect(machine.account()).toEqual(rest);
    await machine.store.checkpoint();
    await machine.open();
    expect(machine.account()).toEqual(rest);
  });

  test('what memory still has of a lost page is stored elsewhere', async () => {
    const machine = await filledStore({ mirrored: false });
    await machine.open();
    for (const slot of slotsOf(machine, 'leaf')) machine.poison('file', slot);
    const report = await machine.store.repair();
    expect(report.lost.length).toBeGreaterThan(2);
    expect(report.lostKeys).toEqual([]);
    await machine.open();
    expect(machine.account()).toEqual([]);
  });

  test('a deleted key is not lost any more, and clear() accepts the loss of the rest', async () => {
    const machine = await filledStore({ mirrored: false });
    const [slot = 0] = slotsOf(machine, 'leaf').slice(1);
    machine.poison('file', slot);
    await machine.open();
    const lost = machine.account();
    expect(lost.length).toBeGreaterThan(1);
    const [first = ''] = lost;
    await machine.batch({ type: 'del', key: Buffer.from(first) });
    expect(machine.store.get(Buffer.from(first))).toBeUndefined();
    await machine.store.checkpoint();
    await machine.open();
    expect(machine.store.get(Buffer.from(first))).toBeUndefined();
    expect(machine.account()).toEqual(lost.slice(1));
    const [range] = machine.store.lostKeys();
    if (range === undefined) throw new Error('nothing is lost');
    // The clearing ends in the middle of the loss: what lies after stays lost.
    await machine.batch({ type: 'clear', from: range.from, to: Buffer.from(lost.at(-1) ?? '') });
    expect(machine.account()).toEqual(lost.slice(-1));
    await machine.batch({ type: 'clear', from: range.from, to: range.to });
    expect([machine.account(), machine.store.lostKeys()]).toEqual([[], []]);
    await machine.store.checkpoint();
    await machine.open();
    expect([machine.account(), machine.store.lostKeys()]).toEqual([[], []]);
  });

  test('a page that another program filled with zeros is a loss, not an empty page', async () => {
    const machine = await filledStore({ mirrored: false });
    const [slot = 0] = slotsOf(machine, 'leaf').slice(1);
    const expected = keysIn(machine, slot).filter((key) => !['key 00', 'key 05', 'key 10', 'key 15'].includes(key));
    await machine.close();
    await machine.overwrite('file', slot * PAGE, new Uint8Array(PAGE));
    await machine.open();
    expect(machine.account()).toEqual(expected);
    expect(expected.length).toBeGreaterThan(0);
  });

  test('a leaf that is poisoned while the store is open, and not in memory', async () => {
    const machine = new StoreMachine({ pages: 40, logPages: 40, mirrored: false });
    await machine.open({ create: true, cachedLeaves: 1 });
    for (let i = 0; i < 30; i++) await machine.put(`key ${String(i).padStart(2, '0')}`, valueOf(i, 700));
    await machine.store.checkpoint();
    await machine.open({ cachedLeaves: 1 });
    const [slot = 0] = slotsOf(machine, 'leaf').slice(2);
    const expected = keysIn(machine, slot);
    machine.poison('file', slot);
    expect(machine.account()).toEqual(expected);
    const [written = ''] = expected;
    await machine.put(written, valueOf(1, 20));
    expect(machine.account()).toEqual(expected.slice(1));
    await machine.store.checkpoint();
    await machine.open();
    expect(machine.account()).toEqual(expected.slice(1));
  });

  test('the same page in both files', async () => {
    const machine = await filledStore();
    const [slot = 0] = slotsOf(machine, 'leaf').slice(1);
    const expected = keysIn(machine, slot).filter((key) => !['key 00', 'key 05', 'key 10', 'key 15'].includes(key));
    machine.poison('file', slot);
    machine.poison('mirror', slot);
    await machine.open();
    expect(machine.account()).toEqual(expected);
    const report = await machine.store.repair();
    expect(report.lost.map(({ role }) => role)).toEqual(['pages', 'mirror']);
    expect(machine.account()).toEqual(expected);
  });

  test('every leaf: all keys of the checkpoint, and those alone', async () => {
    const machine = await filledStore({ mirrored: false });
    for (const slot of slotsOf(machine, 'leaf', 'header')) machine.poison('file', slot);
    await machine.open();
    expect(machine.account()).toEqual(machine.model.keys().filter((key) => !['key 00', 'key 05', 'key 10', 'key 15'].includes(key)));
    expect(() => machine.store.get(Buffer.from('never stored'))).toThrow(LostKeysError);
    await machine.store.repair();
    await machine.put('key 01', valueOf(1, 20));
    await machine.open();
    expect(Buffer.compare(machine.store.get(Buffer.from('key 01')) ?? Buffer.alloc(0), valueOf(1, 20))).toBe(0);
  });
});

describe('batches that both files of the log have lost', () => {
  async function withoutBatches(): Promise<StoreMachine> {
    const machine = new StoreMachine({ pages: 16, logPages: 16 });
    await machine.open({ create: true });
    await machine.put('old', valueOf(1, 100));
    await machine.store.checkpoint();
    for (let i = 0; i < 6; i++) await machine.put(`key ${i}`, valueOf(i, 1800));
    for (const member of ['log', 'logMirror'] as const) machine.poison(member, 2);
    return machine;
  }

  test('nothing is returned for right: open() says which records are missing', async () => {
    const machine = await withoutBatches();
    const error: unknown = await machine.open().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ERR_PAGES_BATCHES_LOST', message: expect.stringMatching(/records \d+ to \d+/) as string });
    expect((error as Error).cause).toBeInstanceOf(MediaError);
  });

  test('unless the application says so', async () => {
    const machine = await withoutBatches();
    const store = await machine.open({ acceptLostBatches: true });
    expect(Buffer.compare(store.get(Buffer.from('old')) ?? Buffer.alloc(0), valueOf(1, 100))).toBe(0);
    await store.repair();
    await machine.put('key 5', valueOf(9, 10));
    await store.checkpoint();
    await machine.open();
    expect(Buffer.compare(machine.store.get(Buffer.from('key 5')) ?? Buffer.alloc(0), valueOf(9, 10))).toBe(0);
  });

  test('while the store is open they are not lost: memory has them, and repair() stores them', async () => {
    const machine = await withoutBatches();
    expect((await machine.store.repair()).log.lost.length).toBeGreaterThan(0);
    await machine.open();
    expect(machine.account()).toEqual([]);
  });

  test('nor is the record of the checkpoint', async () => {
    const machine = await filledStore({ logPages: 16 });
    await machine.store.checkpoint();
    for (let i = 0; i < 4; i++) await machine.put(`more ${i}`, valueOf(i, 1800));
    for (const member of ['log', 'logMirror'] as const) for (let page = 1; page < 15; page++) machine.poison(member, page);
    expect((await machine.store.repair()).log.lost.length).toBeGreaterThan(0);
    await machine.open();
    expect(machine.account()).toEqual([]);
  });
});

describe('random poison', () => {
  test('loses no key that some file still has, and never returns a wrong one', async () => {
    for (const seed of seedsFor(sizeOf({ whole: 25, share: 8 }))) {
      const random = new Random(seed);
      const mirrored = random.chance(60);
      const machine = await filledStore({ mirrored, clearable: random.chance(80), filesystem: random.chance(50) ? 'ext4' : 'xfs', seed });
      const hit = slotsOf(machine, 'leaf', 'value', 'free').filter(() => random.chance(20));
      const canBeLost = new Set(hit.filter(() => !mirrored || random.chance(30)).flatMap((slot) => {
        if (mirrored) machine.poison('mirror', slot);
        machine.poison('file', slot);
        return keysIn(machine, slot);
      }));
      if (mirrored) for (const slot of hit) machine.poison(random.chance(50) ? 'file' : 'mirror', slot);
      const run = async (): Promise<void> => {
        for (let step = 0; step < 4; step++) {
          for (const key of machine.account()) if (!canBeLost.has(key)) throw new Error(`'${key}' is lost without a reason`);
          const choice = random.below(4);
          if (choice === 0) await machine.store.repair();
          else if (choice === 1) await machine.put(`key ${String(random.below(20)).padStart(2, '0')}`, valueOf(random.below(1e6), random.below(6000)));
          else if (choice === 2) await machine.store.checkpoint();
          else await machine.open();
        }
      };
      await run().catch((cause: unknown) => {
        throw new Error(`PAGES_SEED=${seed}`, { cause });
      });
    }
  }, 180_000);
});

function catchOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
