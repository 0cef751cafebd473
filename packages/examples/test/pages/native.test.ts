/** The same store on real files of this machine. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
import { PageStore } from '../../src/pages/index.js';
import { Random } from '../wal/log-machine.js';
import { Model, accountFor, seedsFor, valueOf } from './store-machine.js';

const directory = mkdtempSync(join(tmpdir(), 'safe-pmem-pages-'));
afterAll(() => {
  rmSync(directory, { recursive: true });
});

async function openFiles(): Promise<Record<'file' | 'mirror' | 'log' | 'logMirror', PmemFile>> {
  const driver = nativeDriver();
  const open = (name: string, size: number): Promise<PmemFile> => PmemFile.open(join(directory, name), { driver, create: true, size });
  return { file: await open('pages', 4096), mirror: await open('mirror', 4096), log: await open('log', 65_536), logMirror: await open('log-mirror', 65_536) };
}

test('grows, restarts and agrees with a sorted map', async () => {
  const [seed = 0] = seedsFor(1);
  const random = new Random(seed);
  const model = new Model();
  for (let round = 0; round < 3; round++) {
    const files = await openFiles();
    const store = await PageStore.open({ ...files, create: true });
    expect(accountFor(store.snapshot(), model), `PAGES_SEED=${seed}`).toEqual([]);
    for (let i = 0; i < 15; i++) {
      const changes = Array.from({ length: 12 }, () => {
        const key = Buffer.from(`key ${random.below(200)}`);
        if (random.chance(30)) return { type: 'del', key } as const;
        return { type: 'put', key, value: valueOf(random.below(1e6), random.chance(5) ? random.below(10_000) : random.below(500)) } as const;
      });
      await store.batch(changes);
      model.apply(changes);
    }
    expect(accountFor(store.snapshot(), model), `PAGES_SEED=${seed}`).toEqual([]);
    await store.close();
    for (const file of Object.values(files)) await file.close();
  }
}, 180_000);
