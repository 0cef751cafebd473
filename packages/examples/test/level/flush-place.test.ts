/** A database's `blockMs` is its log's. */
import { PmemFile } from '@safe-pmem/core';
import { mockDriver } from '@safe-pmem/mock';
import { afterEach, expect, test, vi } from 'vitest';
import type { PmemLevelOptions } from '../../src/level/index.js';
import { PmemLevel } from '../../src/level/index.js';

async function opened(blockMs: PmemLevelOptions['blockMs']): Promise<PmemLevel> {
  const db = new PmemLevel('/db', { driver: mockDriver({ dax: false }), logBytes: 28 * 4096, blockMs });
  await db.open();
  return db;
}

afterEach(() => {
  vi.restoreAllMocks();
});

test.each([
  [0, 'away'],
  [Infinity, 'here'],
] as const)('with blockMs %d writes and checkpoints flush the log %s', async (blockMs, place) => {
  const db = await opened(blockMs);
  const flushes = new Set<string>();
  for (const [call, name] of [['persistRanges', 'here'], ['persistAsync', 'away']] as const) {
    const original = Reflect.get(PmemFile.prototype, call) as (...args: never[]) => never;
    vi.spyOn(PmemFile.prototype, call).mockImplementation(function (this: PmemFile, ...args: never[]) {
      if (this.path.includes('.log')) flushes.add(name);
      return original.apply(this, args);
    } as never);
  }
  await db.put('a', 'b');
  await db.checkpoint();
  expect([...flushes]).toEqual([place]);
  await db.close();
});

test('blockMs has to be a length of time', async () => {
  await expect(opened(-1)).rejects.toMatchObject({ cause: expect.any(RangeError) as RangeError });
});
