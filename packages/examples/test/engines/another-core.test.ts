/** An application that requires @safe-pmem/core, and engines that import it: two copies of every error class. */
import { createRequire } from 'node:module';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import * as core from '@safe-pmem/core';
import type { PmemFile } from '@safe-pmem/core';
import type * as mock from '@safe-pmem/mock';
import { SimulatedServer } from '../../explore/simulated-stream.js';
import { LostKeysError, PageStore } from '../../src/pages/index.js';
import { ReplicatedWal } from '../../src/replicated/index.js';
import { Wal } from '../../src/wal/index.js';
import { itemsOf } from '../wal/log-machine.js';

const require = createRequire(import.meta.url);
const otherCore = require('@safe-pmem/core') as typeof core;
const { mockDriver } = require('@safe-pmem/mock') as typeof mock;

const PAGE = 4096;

/** A machine whose files are opened by the other copy. `clearable`: whether repairs work. */
function machine(clearable: boolean) {
  const driver = mockDriver({ clearable });
  return {
    poison: (path: string, page: number): void => { driver.poison(path, { offset: page * PAGE, length: PAGE }); },
    file: async (path: string, pages = 16): Promise<PmemFile> => {
      driver.writeFile(path, new Uint8Array(pages * PAGE));
      return otherCore.PmemFile.open(path, { driver });
    },
  };
}

test('the two copies are two', () => {
  expect(otherCore.MediaError).not.toBe(core.MediaError);
  expect(otherCore.PmemFile).not.toBe(core.PmemFile);
});

test('a file of one copy is a file to the other, and both print files and errors under their names', async () => {
  const { file, poison } = machine(true);
  const opened = await file('/file');
  expect([opened instanceof core.PmemFile, opened instanceof otherCore.PmemFile]).toEqual([true, true]);
  expect(inspect(opened)).toMatch(/^PmemFile \{/);
  poison('/file', 1);
  expect(() => opened.readUInt8(PAGE)).toThrow(core.MediaError);
  for (const { MediaError } of [core, otherCore]) {
    expect(inspect(new MediaError('read', 'known', { ranges: [] }))).toMatch(/^MediaError: read met a media error/);
  }
  await opened.close();
});

describe.each([['that can be cleared', true], ['that cannot', false]] as const)('poison %s', (_, clearable) => {
  test('in a log: a loss by its number, a commit around the page, a report', async () => {
    const { file, poison } = machine(clearable);
    const wal = await Wal.open({ file: await file('/log'), create: true });
    const log = await ReplicatedWal.open({ wal, stream: new SimulatedServer().connect() });
    for (const text of ['one', 'two']) await log.append(Buffer.from(text.repeat(1300)));
    poison('/log', 1);
    expect((await itemsOf(wal)).map(({ type }) => type)).toEqual(['lost']);
    const texts: string[] = [];
    for await (const item of log.replay()) texts.push(item.type === 'record' ? 'record' : 'lost');
    expect(texts).toEqual(['record', 'record']);
    expect(await log.append(Buffer.from('three'))).toBe(3);
    expect((await wal.repair()).failed).toHaveLength(clearable ? 0 : 1);
  });

  test('in a store: keys that are lost by name, all others, a report', async () => {
    const { file, poison } = machine(clearable);
    const [log, logMirror] = [await file('/log'), await file('/log-mirror')];
    const store = await PageStore.open({ file: await file('/pages'), log, logMirror, create: true, cachedLeaves: 0 });
    for (const key of ['a', 'b', 'c', 'd']) await store.put(Buffer.from(key), Buffer.alloc(1500, key));
    await store.checkpoint();
    poison('/pages', store.slots().indexOf('leaf'));
    const keys = ['a', 'b', 'c', 'd'].map((key) => {
      try {
        return store.get(Buffer.from(key))?.[0] === key.charCodeAt(0) ? 'right' : 'wrong';
      } catch (error) {
        return error instanceof LostKeysError && otherCore.isMediaError(error.cause) ? 'lost' : error;
      }
    });
    expect(new Set(keys)).toEqual(new Set(['lost', 'right']));
    expect((await store.repair()).failed).toHaveLength(clearable ? 0 : 1);
    await store.put(Buffer.from('a'), Buffer.from('again'));
    await store.close();
  });
});
