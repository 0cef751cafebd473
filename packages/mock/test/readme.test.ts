import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { runInThisContext } from 'node:vm';
import { expect, it } from 'vitest';
import { MediaError, PmemFile } from '@safe-pmem/core';
import { mockDriver } from '../src/index.js';

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

it('the first example of the README runs', async () => {
  const example = /```ts\n([\s\S]*?)```/.exec(README)?.[1] ?? '';
  const machines: ReturnType<typeof mockDriver>[] = [];
  const given = {
    assert,
    MediaError,
    PmemFile,
    mockDriver: (options: Parameters<typeof mockDriver>[0]) => {
      machines.push(mockDriver(options));
      return machines.at(-1);
    },
    test: (_: string, body: () => Promise<void>) => body(),
  };
  const code = example.replace(/^import .*$/gm, '').trim();
  expect(code).toMatch(/^test\(/);
  const run = runInThisContext(`(async ({ ${Object.keys(given).join(', ')} }) => { await ${code} })`) as (
    names: typeof given,
  ) => Promise<void>;
  await run(given);
  expect(machines).toHaveLength(1);
  expect(machines[0]?.poisoned).toEqual([]);
});
