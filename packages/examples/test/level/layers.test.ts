/** Layers from npm that keep a time to live for each key, and that follow a range as it changes. */
import type { AbstractLevel } from 'abstract-level';
import Live from 'level-live';
import ttl from 'level-ttl';
import { MemoryLevel } from 'memory-level';
import { afterEach, expect, test, vi } from 'vitest';
import { CallbackFace, type Operation } from './callback-face.js';
import { FILES, LevelMachine, PAGE } from './level-machine.js';

type Level = AbstractLevel<string | Buffer | Uint8Array>;
type Ending = (error?: Error | null) => void;

const later = (call: (done: Ending) => void): Promise<void> =>
  new Promise((resolve, reject) => { call((error) => { if (error) reject(error); else resolve(); }); });

async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await condition())) await new Promise(setImmediate);
}

afterEach(() => { vi.useRealTimers(); });

/** Keys that go when their time is over, that are kept by a later put, and that are deleted before. */
async function keysThatExpire(db: Level, between: () => Promise<void> = () => Promise.resolve()): Promise<unknown> {
  vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'], now: 1_000_000 });
  const layer = ttl(new CallbackFace(db), { checkFrequency: 100 });
  const options = (ms: number): object => ({ ttl: ms });
  await later((done) => { layer.put('soon', '1', options(1000), done); });
  await later((done) => { layer.put('late', '2', options(60_000), done); });
  await later((done) => { layer.put('ever', '3', {}, done); });
  await later((done) => { layer.put('kept', '4', options(1000), done); });
  await later((done) => { layer.put('kept', '5', options(60_000), done); });
  await later((done) => { layer.put('gone', '6', options(1000), done); });
  await later((done) => { layer.del('gone', done); });
  const manyOf = (i: number): Operation => ({ type: 'put', key: `many ${i}`, value: 'x'.repeat(200) });
  const many = Array.from({ length: 40 }, (_, i) => manyOf(i));
  await later((done) => { layer.batch(many, options(500), done); });
  const before = await db.keys().all();
  await between();
  vi.advanceTimersByTime(2000);
  await until(async () => (await db.get('soon')) === undefined && (await db.get('many 39')) === undefined);
  const after = await db.iterator().all();
  await later((done) => { layer.close(done); });
  return { before: before.length, after };
}

test('level-ttl: keys go when their time is over, as on memory-level', async () => {
  const ours = await keysThatExpire((await new LevelMachine().open()) as unknown as Level);
  expect(ours).toEqual(await keysThatExpire(new MemoryLevel() as unknown as Level));
  const { after } = ours as { readonly after: readonly [string, string][] };
  expect(after.map(([key]) => key).filter((key) => !key.startsWith('!ttl'))).toEqual(['ever', 'kept', 'late']);
});

test.each(Object.values(FILES))('level-ttl: the same with a bad page in %s before they go', async (file) => {
  const wanted = await keysThatExpire(new MemoryLevel());
  const machine = new LevelMachine({ cachedLeaves: 1 });
  const db = (await machine.open()) as unknown as Level;
  const hit = async (): Promise<void> => {
    await machine.db.checkpoint();
    machine.driver.poison(file, { offset: PAGE, length: PAGE });
  };
  expect(await keysThatExpire(db, hit)).toEqual(wanted);
});

/** A range, followed while it is written to. */
async function followed(db: Level): Promise<unknown[]> {
  const face = new CallbackFace(db);
  for (const key of ['a', 'c 1', 'c 2', 'z']) await later((done) => { face.put(key, `old ${key}`, done); });
  const live = new Live(face, { gte: 'c', lt: 'd' });
  const seen: unknown[] = [];
  live.on('data', (change) => seen.push(change));
  await until(() => seen.length === 2);
  await later((done) => { face.put('c 3', 'new', done); });
  await later((done) => { face.put('x', 'outside', done); });
  await later((done) => { face.del('c 1', done); });
  const removals: Operation[] = [{ type: 'del', key: 'b' }, { type: 'del', key: 'c 2' }];
  const batch: Operation[] = [{ type: 'put', key: 'c 4', value: 'in a batch' }, ...removals];
  await later((done) => { face.batch(batch, done); });
  await until(() => seen.length === 6);
  live.destroy();
  return [seen, await db.iterator({ gte: 'c', lt: 'd' }).all()];
}

test('level-live: what a range holds, then each change of it, as on memory-level', async () => {
  const ours = await followed((await new LevelMachine().open()) as unknown as Level);
  expect(ours).toEqual(await followed(new MemoryLevel() as unknown as Level));
  expect(ours[1]).toEqual([['c 3', 'new'], ['c 4', 'in a batch']]);
});
