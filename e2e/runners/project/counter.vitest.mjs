import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { MediaError } from '@safe-pmem/core';
import { mockDriver } from '@safe-pmem/mock';
import { nativeDriver } from '@safe-pmem/native';
import { expect, test } from 'vitest';
import { Counter, PAGE } from './counter.cjs';

test('a page that cannot be read is repaired from its copy', async () => {
  const machine = mockDriver({ seed: 1 });
  const counter = await Counter.open('/counter', machine);
  await counter.increment();
  machine.poison('/counter', { offset: 0, length: 1 });
  expect(await counter.value()).toBe(1n);
  expect(machine.poisoned).toEqual([]);
  await counter.close();
});

test('an error made by the CommonJS copy of core is known to the copy that this module imports', async () => {
  const machine = mockDriver({ seed: 1 });
  const counter = await Counter.open('/counter', machine);
  await counter.increment();
  for (const offset of [0, PAGE]) machine.poison('/counter', { offset, length: 1 });
  await expect(counter.value()).rejects.toBeInstanceOf(MediaError);
  await counter.close();
});

test('a real file in a worker of vitest', async () => {
  const counter = await Counter.open(path.join(mkdtempSync(path.join(tmpdir(), 'counter-')), 'counter'), nativeDriver());
  expect(await counter.increment()).toBe(1n);
  await counter.close();
});
