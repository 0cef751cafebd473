const { MediaError } = require('@safe-pmem/core');
const { mockDriver } = require('@safe-pmem/mock');
const { nativeDriver } = require('@safe-pmem/native');
const { Counter, PAGE } = require('./counter.cjs');

test('a page that cannot be read is repaired from its copy', async () => {
  const machine = mockDriver({ seed: 1 });
  const counter = await Counter.open('/counter', machine);
  await counter.increment();
  machine.poison('/counter', { offset: 0, length: 1 });
  expect(await counter.value()).toBe(1n);
  expect(machine.poisoned).toEqual([]);
  await counter.close();
});

test('the loss of both copies is an error, not a zero', async () => {
  const machine = mockDriver({ seed: 1 });
  const counter = await Counter.open('/counter', machine);
  await counter.increment();
  for (const offset of [0, PAGE]) machine.poison('/counter', { offset, length: 1 });
  await expect(counter.value()).rejects.toBeInstanceOf(MediaError);
  await counter.close();
});

test('a real file in a worker of jest', async () => {
  const folder = require('node:fs').mkdtempSync(require('node:path').join(require('node:os').tmpdir(), 'counter-'));
  const counter = await Counter.open(`${folder}/counter`, nativeDriver());
  expect(await counter.increment()).toBe(1n);
  await counter.close();
});
