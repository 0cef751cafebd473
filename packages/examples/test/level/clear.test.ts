import { expect, test } from 'vitest';
import { LevelMachine } from './level-machine.js';

const KEYS = ['', '!', 'a', 'b', 'c', 'cc', 'd', 'é'];

test.each([
  ['up to the empty key', { lt: '' }, KEYS],
  ['from a key up to the empty one', { gte: 'c', lt: '' }, KEYS],
  ['from a key up to the empty one, backwards', { gt: 'c', lt: '', reverse: true }, KEYS],
  ['from a key up to the empty one, a few at a time', { gte: 'c', lt: '', limit: 2 }, KEYS],
  ['up to the empty key, that one too', { lte: '' }, KEYS.slice(1)],
  ['after the empty key', { gt: '' }, ['']],
  ['from the empty key', { gte: '' }, []],
])('clear %s: the same keys are there before and after a restart', async (_, range, left) => {
  const machine = new LevelMachine();
  const db = await machine.open();
  await db.batch(KEYS.map((key) => ({ type: 'put', key, value: `value of ${key}` })));
  await db.clear(range);
  expect(await db.keys().all()).toEqual(left);
  const again = await machine.open();
  expect(await again.keys().all()).toEqual(left);
  await again.checkpoint();
  expect(await (await machine.open()).keys().all()).toEqual(left);
});
