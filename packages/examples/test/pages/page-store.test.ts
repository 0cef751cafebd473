import { describe, expect, test } from 'vitest';
import type { Change } from '../../src/pages/index.js';
import { Random } from '../wal/log-machine.js';
import { Model, StoreMachine, accountFor, nameOf, seedsFor, valueOf } from './store-machine.js';

const put = (key: string, value: Uint8Array | string): Change => ({
  type: 'put',
  key: Buffer.from(key),
  value: typeof value === 'string' ? Buffer.from(value) : value,
});
const del = (key: string): Change => ({ type: 'del', key: Buffer.from(key) });
const text = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString();

async function newMachine(options: ConstructorParameters<typeof StoreMachine>[0] = {}): Promise<StoreMachine> {
  const machine = new StoreMachine(options);
  await machine.open({ create: true });
  return machine;
}

/** Keys and values of a range, in the order of the cursor. */
function rangeOf(machine: StoreMachine, options: Parameters<ReturnType<StoreMachine['store']['snapshot']>['cursor']>[0]): string[] {
  using snapshot = machine.store.snapshot();
  const cursor = snapshot.cursor(options);
  const found: string[] = [];
  for (let entry = cursor.next(); entry !== undefined; entry = cursor.next()) {
    found.push(`${nameOf(entry.key)}=${text(entry.value) ?? ''}`);
  }
  return found;
}

describe('one key at a time', () => {
  test('put, get, overwrite, delete', async () => {
    const machine = await newMachine();
    const { store } = machine;
    expect(store.get(Buffer.from('a'))).toBeUndefined();
    await store.put(Buffer.from('a'), Buffer.from('1'));
    expect([text(store.get(Buffer.from('a'))), store.has(Buffer.from('a'))]).toEqual(['1', true]);
    await store.put(Buffer.from('a'), Buffer.from('22'));
    await store.put(Buffer.alloc(0), Buffer.alloc(0));
    expect([text(store.get(Buffer.from('a'))), text(store.get(Buffer.alloc(0)))]).toEqual(['22', '']);
    await store.del(Buffer.from('a'));
    await store.del(Buffer.from('never there'));
    expect([store.get(Buffer.from('a')), store.has(Buffer.from('a'))]).toEqual([undefined, false]);
  });

  test('keys are bytes, compared one by one', async () => {
    const machine = await newMachine();
    const keys = [[0], [0, 0], [0, 255], [1], [127], [128], [255], [255, 0], [255, 255]].map((bytes) => Uint8Array.from(bytes));
    await machine.store.batch(keys.toReversed().map((key) => ({ type: 'put', key, value: key })));
    using snapshot = machine.store.snapshot();
    const cursor = snapshot.cursor();
    expect(keys.map(() => Uint8Array.from(cursor.next()?.key ?? []))).toEqual(keys);
    expect(cursor.next()).toBeUndefined();
  });

  test('what a caller does with his bytes afterwards changes nothing', async () => {
    const { store } = await newMachine();
    const [key, value] = [Buffer.from('key'), Buffer.from('value')];
    const done = store.put(key, value);
    key.fill(0);
    value.fill(0);
    await done;
    store.get(Buffer.from('key'))?.fill(0);
    expect(text(store.get(Buffer.from('key')))).toBe('value');
  });

  test.each([0, 1, 1899, 1900, 1901, 4056, 4057, 20_000])('a value of %i bytes', async (length) => {
    const machine = await newMachine({ logPages: 40 });
    await machine.put('', valueOf(1, length));
    await machine.put('k', valueOf(2, length));
    await machine.store.checkpoint();
    expect(machine.account()).toEqual([]);
    await machine.open();
    expect(machine.account()).toEqual([]);
    await machine.put('k', valueOf(3, length));
    expect(machine.account()).toEqual([]);
  });

  test('keys of the greatest length, with values that just fit', async () => {
    const machine = await newMachine({ logPages: 64 });
    for (let i = 0; i < 24; i++) await machine.put(`${String((i * 7) % 24).padStart(2, '0')}${'x'.repeat(998)}`, valueOf(i, 900));
    await machine.store.checkpoint();
    await machine.open();
    expect(machine.account()).toEqual([]);
    expect(machine.store.slots().filter((kind) => kind === 'leaf').length).toBeGreaterThanOrEqual(12);
  });

  test('what is not a key or a value', async () => {
    const { store } = await newMachine();
    await expect(store.put(Buffer.alloc(1001), Buffer.alloc(1))).rejects.toThrow(RangeError);
    await expect(store.put('text' as unknown as Uint8Array, Buffer.alloc(1))).rejects.toThrow(TypeError);
    await expect(store.put(Buffer.alloc(1), null as unknown as Uint8Array)).rejects.toThrow(TypeError);
    await expect(store.put(Buffer.alloc(1), Buffer.alloc(100_000))).rejects.toMatchObject({ code: 'ERR_PAGES_TOO_LARGE' });
    await store.put(Buffer.alloc(1), Buffer.alloc(1));
    expect(store.get(Buffer.alloc(1))).toHaveLength(1);
  });
});

describe('batches', () => {
  test('apply in order, and all together', async () => {
    const { store } = await newMachine();
    await store.batch([put('a', '1'), put('b', '1'), del('a'), put('a', '2'), del('b')]);
    expect([text(store.get(Buffer.from('a'))), store.get(Buffer.from('b'))]).toEqual(['2', undefined]);
    await store.batch([]);
  });

  test('of the same moment share a commit, and are seen in their order', async () => {
    const machine = await newMachine();
    const before = machine.driver.operations;
    await machine.store.batch([put('k', '0')]);
    const one = machine.driver.operations - before;
    await Promise.all(Array.from({ length: 50 }, (_, i) => machine.store.batch([put('k', String(i))])));
    expect(machine.driver.operations - before - one).toBeLessThan(3 * one);
    expect(text(machine.store.get(Buffer.from('k')))).toBe('49');
  });

  test('more than the log holds are taken one checkpoint after the other', async () => {
    const machine = await newMachine({ logPages: 12 });
    const all = Array.from({ length: 60 }, (_, i) => machine.put(`key ${i}`, valueOf(i, 1000)));
    await Promise.all(all);
    expect(machine.account()).toEqual([]);
    await machine.open();
    expect(machine.account()).toEqual([]);
  });
});

describe('ranges', () => {
  test('every kind of bound, in both directions', async () => {
    const machine = await newMachine();
    await machine.batch(...['b', 'd', 'f'].map((key) => put(key, key)));
    const cases: [Parameters<typeof rangeOf>[1], string][] = [
      [{}, 'b=b d=d f=f'],
      [{ gt: Buffer.from('b') }, 'd=d f=f'],
      [{ gte: Buffer.from('b') }, 'b=b d=d f=f'],
      [{ lt: Buffer.from('f') }, 'b=b d=d'],
      [{ lte: Buffer.from('f') }, 'b=b d=d f=f'],
      [{ gte: Buffer.from('c'), lte: Buffer.from('e') }, 'd=d'],
      [{ gt: Buffer.from('d'), lt: Buffer.from('d') }, ''],
      [{ gte: Buffer.from('f'), lt: Buffer.from('b') }, ''],
      [{ gte: Buffer.from('b'), gt: Buffer.from('c'), lte: Buffer.from('d'), lt: Buffer.from('c') }, 'b=b d=d'],
    ];
    for (const [options, expected] of cases) {
      expect(rangeOf(machine, options).join(' ')).toBe(expected);
      expect(rangeOf(machine, { ...options, reverse: true }).reverse().join(' ')).toBe(expected);
    }
  });

  test('seek goes forth and back; outside of the range it ends the cursor, until the next seek', async () => {
    const machine = await newMachine();
    await machine.batch(...Array.from('abcdefgh', (key) => put(key, valueOf(1, 1500))));
    await machine.store.checkpoint();
    const at = (options: Parameters<typeof rangeOf>[1], target: string): string => {
      using snapshot = machine.store.snapshot();
      const cursor = snapshot.cursor(options);
      cursor.next(false);
      cursor.seek(Buffer.from(target));
      return [cursor.next(false), cursor.next(false)].map((entry) => (entry ? nameOf(entry.key) : '-')).join('');
    };
    expect(['a', 'c', 'cc', 'h', 'i', ''].map((key) => at({}, key))).toEqual(['ab', 'cd', 'de', 'h-', '--', 'ab']);
    expect(['a', 'c', 'cc', 'h', 'i', ''].map((key) => at({ reverse: true }, key))).toEqual(['a-', 'cb', 'cb', 'hg', 'hg', '--']);
    const inner = { gt: Buffer.from('b'), lt: Buffer.from('e') };
    expect(['a', 'd', 'e', 'h'].map((key) => at(inner, key))).toEqual(['--', 'd-', '--', '--']);
    expect(['a', 'c', 'e', 'h'].map((key) => at({ ...inner, reverse: true }, key))).toEqual(['--', 'c-', '--', '--']);
    using snapshot = machine.store.snapshot();
    const cursor = snapshot.cursor(inner);
    cursor.seek(Buffer.from('h'));
    expect(cursor.next(false)).toBeUndefined();
    cursor.seek(Buffer.from('c'));
    expect(cursor.next(false)).toEqual({ key: Buffer.from('c') });
  });

  test('clear takes a range away, its beginning with it, its end not', async () => {
    const machine = await newMachine({ logPages: 64 });
    const keys = Array.from({ length: 60 }, (_, i) => `key ${String(i).padStart(2, '0')}`);
    for (const key of keys) await machine.put(key, valueOf(1, 700));
    await machine.store.checkpoint();
    await machine.batch({ type: 'clear', from: Buffer.from('key 10'), to: Buffer.from('key 50') });
    expect(machine.model.keys()).toHaveLength(20);
    expect(machine.account()).toEqual([]);
    await machine.store.checkpoint();
    await machine.open();
    expect(machine.account()).toEqual([]);
    await machine.store.clear();
    expect(accountFor(machine.store.snapshot(), new Model())).toEqual([]);
  });

  test.each([
    ['up to the empty key', { lt: Buffer.alloc(0) }],
    ['from a key up to the empty one', { gte: Buffer.from('c'), lt: Buffer.alloc(0) }],
    ['from a key up to an earlier one', { gt: Buffer.from('c'), lte: Buffer.from('b') }],
    ['from a key up to itself', { gte: Buffer.from('c'), lt: Buffer.from('c') }],
    ['from and up to the longest bounds', { gt: Buffer.alloc(70_000, 'x'), lte: Buffer.alloc(70_001, 'x') }],
  ])('clear %s removes nothing, now and after a restart', async (_, range) => {
    const machine = await newMachine();
    for (const key of ['', 'a', 'b', 'c', 'd']) await machine.put(key, valueOf(1, 10));
    await machine.store.clear(range);
    expect(machine.account()).toEqual([]);
    await machine.open();
    expect(machine.account()).toEqual([]);
  });

  test('clear with bounds longer than every key takes away what lies between them, and pages hold what is left', async () => {
    const machine = await newMachine({ logPages: 64 });
    const longest = ['f', 'm', 't'].map((letter) => letter.repeat(1000));
    for (const key of ['a', ...longest, 'z']) await machine.put(key, valueOf(1, 700));
    const [from, to] = [Buffer.from('f'.repeat(3000)), Buffer.from('t'.repeat(70_000))];
    await machine.batch({ type: 'clear', from, to });
    expect(machine.model.keys().map((key) => key[0])).toEqual(['a', 'f', 'z']);
    expect(machine.account()).toEqual([]);
    await machine.store.checkpoint();
    await machine.open();
    expect(machine.account()).toEqual([]);
  });

  test('clear with bounds longer than every key ends a loss there', async () => {
    const machine = await newMachine({ mirrored: false });
    for (const key of ['a', 'f', 'z']) await machine.put(key, valueOf(1, 100));
    await machine.store.checkpoint();
    machine.poison('file', 1);
    await machine.open();
    await machine.batch({ type: 'clear', from: Buffer.alloc(5000, 'b'), to: Buffer.alloc(5000, 'm') });
    await machine.store.checkpoint();
    await machine.open();
    expect(machine.account()).toEqual(['a', 'z']);
    expect(machine.store.has(Buffer.from('f'))).toBe(false);
  });

  test('bounds that are no bytes are refused, and nothing is cleared', async () => {
    const machine = await newMachine();
    await machine.put('a', valueOf(1, 10));
    await expect(machine.store.clear({ gte: 'a' as never })).rejects.toBeInstanceOf(TypeError);
    await expect(machine.store.clear({ lte: 'b' as never })).rejects.toBeInstanceOf(TypeError);
    expect(machine.account()).toEqual([]);
  });

  test('a range that is no object with bounds is refused, and nothing is cleared', async () => {
    const machine = await newMachine();
    await machine.put('a', valueOf(1, 10));
    for (const range of [Buffer.from('a'), new Uint8Array(0), [], 5, 'a', true, null, () => 1]) {
      await expect(machine.store.clear(range as never)).rejects.toThrow('range must be an object');
    }
    expect(machine.account()).toEqual([]);
  });
});

describe('snapshots', () => {
  test('stay as they are while writers, checkpoints and deletions go on', async () => {
    const machine = await newMachine({ logPages: 24 });
    for (let i = 0; i < 40; i++) await machine.put(`key ${i}`, valueOf(i, i % 10 === 0 ? 5000 : 600));
    await machine.store.checkpoint();
    const snapshots: { model: Model; snapshot: ReturnType<typeof machine.store.snapshot> }[] = [];
    const random = new Random(7);
    for (let round = 0; round < 12; round++) {
      snapshots.push({ model: machine.model.copy(), snapshot: machine.store.snapshot() });
      for (let i = 0; i < 8; i++) {
        const key = `key ${random.below(50)}`;
        if (random.chance(40)) await machine.batch(del(key));
        else await machine.put(key, valueOf(random.below(1000), random.chance(20) ? 6000 : 500));
      }
      if (round % 3 === 2) await machine.store.checkpoint();
    }
    for (const { model, snapshot } of snapshots) {
      expect(accountFor(snapshot, model)).toEqual([]);
      snapshot.close();
      expect(() => snapshot.get(Buffer.from('key 1'))).toThrow(TypeError);
    }
    expect(machine.account()).toEqual([]);
  });

  test('hold on to their pages no longer than until they are closed', async () => {
    const machine = await newMachine();
    const used = (): number => machine.store.slots().filter((kind) => kind !== 'free').length;
    await machine.put('a', valueOf(1, 9000));
    await machine.store.checkpoint();
    const before = used();
    const snapshot = machine.store.snapshot();
    await machine.put('a', valueOf(2, 9000));
    await machine.store.checkpoint();
    expect(used()).toBe(2 * before - 1);
    expect(Buffer.compare(snapshot.get(Buffer.from('a')) ?? Buffer.alloc(0), valueOf(1, 9000))).toBe(0);
    snapshot.close();
    expect(used()).toBe(before);
  });

  test('a change during a checkpoint is neither in its pages nor lost', async () => {
    const machine = await newMachine({ logPages: 64 });
    for (let i = 0; i < 30; i++) await machine.put(`key ${i}`, valueOf(i, i % 7 === 0 ? 5000 : 800));
    const checkpoint = machine.store.checkpoint();
    for (let i = 0; i < 30; i += 2) await machine.put(`key ${i}`, valueOf(i + 100, i % 3 === 0 ? 5000 : 300));
    await checkpoint;
    expect(machine.account()).toEqual([]);
    await machine.open();
    expect(machine.account()).toEqual([]);
    await machine.store.checkpoint();
    await machine.store.checkpoint();
    await machine.open();
    expect(machine.account()).toEqual([]);
  });
});

describe('space', () => {
  test('of what was overwritten or deleted is used again', async () => {
    const machine = await newMachine({ pages: 70, logPages: 24 });
    for (let i = 0; i < 600; i++) {
      await machine.put(`key ${i % 40}`, valueOf(i, i % 5 === 0 ? 4500 : 800));
      if (i % 20 === 19) await machine.store.checkpoint();
    }
    expect(machine.store.slots().length).toBeLessThan(200);
    expect(machine.account()).toEqual([]);
    await machine.open();
    const held = machine.store.slots().filter((kind) => kind !== 'free').length;
    for (const key of machine.model.keys()) await machine.batch({ type: 'del', key: Buffer.from(key) });
    await machine.store.checkpoint();
    expect(held).toBeGreaterThan(20);
    expect(machine.store.slots().filter((kind) => kind !== 'free')).toEqual(['header', 'leaf']);
  });

  test('the files grow where there is none', async () => {
    const machine = await newMachine({ pages: 4, logPages: 64 });
    for (let i = 0; i < 40; i++) await machine.put(`key ${i}`, valueOf(i, 2500));
    await machine.store.checkpoint();
    expect(machine.driver.readFile('/pmem0/pages')).toHaveLength(machine.store.slots().length * 4096);
    expect(machine.driver.readFile('/pmem1/pages')).toHaveLength(machine.store.slots().length * 4096);
    await machine.open();
    expect(machine.account()).toEqual([]);
  });

  test('a full filesystem: nothing is lost, and it goes on when there is space', async () => {
    const machine = await newMachine({ pages: 4, logPages: 16, capacityBytes: 400 * 4096 });
    const filler = machine.driver.exhaust();
    let refused: unknown;
    for (let i = 0; i < 60 && refused === undefined; i++) {
      await machine.put(`key ${i}`, valueOf(i, 2000)).catch((error: unknown) => {
        refused = error;
      });
    }
    expect(refused).toMatchObject({ code: 'ERR_PMEM_NO_SPACE' });
    expect(machine.account()).toEqual([]);
    machine.driver.unlink(filler);
    await machine.put('one more', valueOf(1, 2000));
    await machine.store.checkpoint();
    await machine.open();
    expect(machine.account()).toEqual([]);
  });
});

describe('random changes', () => {
  test('agree with a sorted map, whatever their sizes, before and after every restart', async () => {
    for (const seed of seedsFor(12)) {
      const random = new Random(seed);
      const machine = await newMachine({ pages: 8, logPages: 40, mirrored: random.chance(50) });
      const keyOf = (): Buffer => Buffer.from(`${String(random.below(120))}${'k'.repeat(random.chance(10) ? random.below(900) : 0)}`);
      for (let step = 0; step < 250; step++) {
        const choice = random.below(100);
        if (choice < 60) {
          const lengthBytes = random.chance(10) ? random.below(9000) : random.below(700);
          await machine.batch({ type: 'put', key: keyOf(), value: valueOf(random.below(1e6), lengthBytes) });
        } else if (choice < 85) await machine.batch({ type: 'del', key: keyOf() }, { type: 'del', key: keyOf() });
        else if (choice < 88) await machine.batch({ type: 'clear', from: keyOf(), to: random.chance(80) ? keyOf() : undefined });
        else if (choice < 95) await machine.store.checkpoint();
        else if (choice < 98) await machine.open();
        else expect(machine.account(), `PAGES_SEED=${seed}`).toEqual([]);
      }
      await machine.open();
      expect(machine.account(), `PAGES_SEED=${seed}`).toEqual([]);
    }
  }, 180_000);
});

describe('after close', () => {
  test('nothing works, and what was begun has ended', async () => {
    const machine = await newMachine();
    const { store } = machine;
    const [last, checkpoint] = [store.put(Buffer.from('a'), Buffer.from('1')), store.checkpoint()];
    await store.close();
    await store.close();
    await Promise.all([last, checkpoint]);
    expect(() => store.get(Buffer.from('a'))).toThrow(expect.objectContaining({ code: 'ERR_PAGES_CLOSED' }) as Error);
    await expect(store.put(Buffer.from('a'), Buffer.from('1'))).rejects.toMatchObject({ code: 'ERR_PAGES_CLOSED' });
    await expect(store.checkpoint()).rejects.toMatchObject({ code: 'ERR_PAGES_CLOSED' });
    await machine.open();
    expect(text(machine.store.get(Buffer.from('a')))).toBe('1');
  });
});
