/** Clears of ranges of any size: what they leave, whose pages are free afterwards, and what they do not read. */
import { describe, expect, test } from 'vitest';
import type { Change, LeafProgress } from '../../src/pages/index.js';
import { Inner, Leaf } from '../../src/pages/node.js';
import { Retirement } from '../../src/pages/retirement.js';
import { Random } from '../wal/log-machine.js';
import { accountFor, PAGE, PATHS, StoreMachine, valueOf } from './store-machine.js';

const keyOf = (i: number): string => `key ${String(i).padStart(4, '0')}`;
const bytesOf = (i: number): Buffer => Buffer.from(keyOf(i));
const SEED = Number(process.env.SAFE_PMEM_SEED ?? 1);

/** Two keys a leaf: a tree of three levels. */
interface Filling {
  /** Every so many keys a value has pages of its own. */
  readonly longEvery?: number;
  readonly cachedLeaves?: number;
}

async function filledStore(count: number, filling: Filling = {}): Promise<StoreMachine> {
  const { longEvery = Infinity, cachedLeaves = 0 } = filling;
  const machine = new StoreMachine({ logPages: 200, capacityBytes: 4096 * PAGE });
  await machine.open({ create: true, cachedLeaves });
  for (let i = 0; i < count; i += 20) {
    const keys = Array.from({ length: Math.min(20, count - i) }, (_, j) => i + j);
    const lengthOf = (k: number): number => (k % longEvery === 0 ? 9000 : 1700);
    const put = (k: number): Change => ({ type: 'put', key: bytesOf(k), value: valueOf(k, lengthOf(k)) });
    await machine.batch(...keys.map(put));
  }
  await machine.store.checkpoint();
  return machine;
}

test('random ranges, beside readers, checkpoints and restarts, leave what a sorted map has', async () => {
  console.log(`seed ${SEED}`);
  const random = new Random(SEED);
  const machine = await filledStore(400, { longEvery: 7, cachedLeaves: 3 });
  for (let round = 0; round < 40; round++) {
    const [a, b] = [random.below(400), random.below(400)].sort((x, y) => x - y) as [number, number];
    using before = machine.store.snapshot();
    const model = machine.model.copy();
    const end = random.chance(50) ? keyOf(b) : `${keyOf(b)}${'x'.repeat(900)}`;
    const to = random.chance(15) ? undefined : Buffer.from(end);
    await machine.batch({ type: 'clear', from: random.chance(20) ? Buffer.alloc(0) : bytesOf(a), to });
    for (let i = 0; i < 30; i++) {
      await machine.put(keyOf(random.below(400)), valueOf(round * 100 + i, random.chance(20) ? 6000 : 1700));
    }
    if (random.chance(50)) await machine.store.checkpoint();
    expect(accountFor(before, model)).toEqual([]);
    expect(machine.account()).toEqual([]);
    before.close();
    if (random.chance(25)) await machine.open({ cachedLeaves: 3 });
  }
  await machine.store.checkpoint();
  await machine.open();
  expect(machine.account()).toEqual([]);
});

test('every page of what was cleared is free afterwards, those of long values too', async () => {
  const machine = await filledStore(200, { longEvery: 5 });
  await machine.open({ cachedLeaves: 0 });
  await machine.batch({ type: 'clear', from: bytesOf(1), to: bytesOf(199) });
  await machine.store.checkpoint();
  const count = (kind: string): number => machine.store.slots().filter((slot) => slot === kind).length;
  expect(machine.account()).toEqual([]);
  // Keys 0 and 199 are left; 0 has a long value of three pages.
  expect([count('value'), count('leaf') <= 2]).toEqual([3, true]);
});

test('pages that cannot be read any more hinder no clear, and are not read for it', async () => {
  const machine = await filledStore(200);
  const leaves = machine.store.slots().flatMap((kind, slot) => (kind === 'leaf' ? [slot] : []));
  for (const slot of leaves) for (const member of ['file', 'mirror'] as const) machine.poison(member, slot);
  await machine.store.clear();
  expect(machine.store.damage.length).toBeLessThanOrEqual(4);
  machine.model.entries.clear();
  expect(machine.account()).toEqual([]);
});

test('a leaf whose range gets a longer end is split where it does not fit any more', async () => {
  const machine = new StoreMachine({ logPages: 64 });
  await machine.open({ create: true });
  for (const key of ['a', 'b']) await machine.put(key, valueOf(1, 1890));
  await machine.put(`b${'y'.repeat(150)}`, valueOf(2, 10));
  for (let i = 0; i < 9; i++) await machine.put(`${'c'.repeat(990)}${i}`, valueOf(i, 900));
  await machine.store.checkpoint();
  const [from, to] = [`b${'z'.repeat(50)}`, `${'c'.repeat(990)}5`].map((key) => Buffer.from(key)) as [Buffer, Buffer];
  await machine.batch({ type: 'clear', from, to });
  await machine.store.checkpoint();
  await machine.open();
  expect(machine.account()).toEqual([]);
});

test('a clear says how far it is', async () => {
  const machine = await filledStore(200);
  const told: LeafProgress[] = [];
  await machine.store.clear({}, { onProgress: (progress) => told.push(progress) });
  expect(told.length).toBeGreaterThan(0);
  expect(told.at(-1)).toEqual({ doneLeaves: told.at(-1)?.totalLeaves, totalLeaves: told.at(-1)?.totalLeaves });
  await expect(machine.store.clear({}, { onProgress: 1 as never })).rejects.toBeInstanceOf(TypeError);
});

test('very many pages are given back in pieces, between which others have their turn', async () => {
  const leaves = Array.from({ length: 10_000 }, (_, i) => {
    const leaf = new Leaf(0, Buffer.from([i]), undefined, undefined, 0);
    leaf.place = { slot: i + 1, generation: 1 };
    leaf.references = i === 3 ? [20_001] : [];
    return leaf;
  });
  const retired: { readonly slots: readonly number[]; readonly epoch: number }[] = [];
  const slotMap = { retire: (slots: readonly number[], epoch: number) => { retired.push({ slots, epoch }); } };
  const retirement = new Retirement(slotMap, new Map([[20_001, [20_001, 20_002]]]));
  retirement.add([new Inner(0, [], leaves.slice(0, 9000), false), ...leaves.slice(9000)], 7);
  let turns = 0;
  const ticking = (): void => { turns++; setImmediate(ticking).unref(); };
  setImmediate(ticking);
  const told: LeafProgress[] = [];
  await retirement.drain((progress) => told.push(progress));
  expect(retired.map(({ epoch }) => epoch)).toEqual(told.map(() => 7));
  const slots = retired.flatMap((some) => some.slots).sort((a, b) => a - b);
  expect(slots).toEqual([...Array.from({ length: 10_000 }, (_, i) => i + 1), 20_001, 20_002]);
  expect(told.map(({ totalLeaves }) => totalLeaves)).toEqual(told.map(() => 10_000));
  expect([told.length, turns]).toEqual([5, 4]);
});

describe('space that was freed at the end of the files', () => {
  const sizesOf = (machine: StoreMachine): number[] =>
    (['file', 'mirror'] as const).map((member) => machine.driver.readFile(PATHS[member]).length / PAGE);

  test('is given back by the next checkpoint, and all that is left is there after a restart', async () => {
    const machine = await filledStore(600, { longEvery: 11 });
    const before = sizesOf(machine);
    await machine.batch({ type: 'clear', from: bytesOf(3), to: bytesOf(590) });
    await machine.store.checkpoint();
    const after = sizesOf(machine);
    expect(before[0]).toBeGreaterThan(300);
    expect(after).toEqual([after[0], after[0]]);
    expect(after[0]).toBeLessThan(100);
    expect(machine.account()).toEqual([]);
    await machine.open();
    expect(sizesOf(machine)).toEqual(after);
    expect(machine.account()).toEqual([]);
    for (let i = 0; i < 300; i++) await machine.put(keyOf(i), valueOf(i, 1700));
    await machine.store.checkpoint();
    await machine.open();
    expect(machine.account()).toEqual([]);
  });

  test('stays where keptBytes says so', async () => {
    const machine = await filledStore(600);
    await machine.open({ keptBytes: 250 * PAGE });
    await machine.batch({ type: 'clear', from: Buffer.alloc(0), to: undefined });
    await machine.store.checkpoint();
    expect(sizesOf(machine)).toEqual([250, 250]);
    await expect(machine.open({ keptBytes: -1 })).rejects.toBeInstanceOf(RangeError);
  });

  test('stays for as long as a reader needs it', async () => {
    const machine = await filledStore(600);
    const [before] = sizesOf(machine);
    const reader = machine.store.snapshot();
    const model = machine.model.copy();
    await machine.batch({ type: 'clear', from: Buffer.alloc(0), to: undefined });
    await machine.store.checkpoint();
    expect(sizesOf(machine)[0]).toBe(before);
    expect(accountFor(reader, model)).toEqual([]);
    reader.close();
    await machine.put('a', valueOf(1, 10));
    await machine.store.checkpoint();
    expect(sizesOf(machine)[0]).toBeLessThan(100);
  });

  test('files that were made long, and never filled, stay so', async () => {
    const machine = new StoreMachine({ pages: 500 });
    await machine.open({ create: true });
    for (let i = 0; i < 10; i++) {
      await machine.put('a', valueOf(i, 100));
      await machine.store.checkpoint();
    }
    expect(sizesOf(machine)).toEqual([500, 500]);
  });

  test('a page at the end that cannot be read moves nothing: what is lost is for a repair to say', async () => {
    const machine = await filledStore(600);
    await machine.open({ cachedLeaves: 0 });
    const last = machine.store.slots().lastIndexOf('leaf');
    for (const member of ['file', 'mirror'] as const) machine.poison(member, last);
    await machine.batch({ type: 'clear', from: bytesOf(3), to: bytesOf(590) });
    await machine.store.checkpoint();
    expect(machine.store.slots()[last]).toBe('leaf');
    expect(machine.account().length).toBeGreaterThan(0);
  });
});
