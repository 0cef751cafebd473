// Files of healthy storage that other processes change: what they do is never a media error, and nothing of it stays.
import { once } from 'node:events';
import { truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { PmemError, PmemFile } from '@safe-pmem/core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { nativeDriver } from '../src/index.js';
import { poison } from './fault-injector.mjs';
import { PAGE, scratchFolder } from './scratch.js';
import { sizeOf } from './share.js';

const SIZE = 16 * PAGE;
const ROUNDS = sizeOf({ whole: 3000, share: 600 });

async function open(where: 'disk' | 'tmpfs'): Promise<PmemFile> {
  const name = path.join(scratchFolder(where), 'file');
  writeFileSync(name, new Uint8Array(SIZE).fill(1));
  const file = await PmemFile.open(name, { driver: nativeDriver() });
  onTestFinished(() => file.close());
  return file;
}

function thrown(body: () => unknown): PmemError | undefined {
  try {
    body();
  } catch (error) {
    if (error instanceof PmemError) return error;
    throw error;
  }
  return undefined;
}

async function expectHealthy(file: PmemFile, byte: number): Promise<void> {
  const bytes = new Uint8Array(SIZE);
  file.read(bytes, 0);
  expect(bytes.every((found) => found === byte)).toBe(true);
  expect((await file.scrub()).mediaErrors).toEqual([]);
  expect((await file.badBlocks()).status).not.toBe('known');
}

/** Rewrites the file in place, many times over: O_TRUNC, then write. */
const REWRITER = `
  const { writeFileSync } = require('node:fs');
  const { workerData: { file, rounds, size } } = require('node:worker_threads');
  const bytes = Buffer.alloc(size, 2);
  for (let round = 0; round < rounds; round++) writeFileSync(file, bytes);
`;

describe.each(['disk', 'tmpfs'] as const)('a file on %s that another process rewrites in place', (where) => {
  it('reads and stores meet truncations at most, and all is well once it is whole', async () => {
    const file = await open(where);
    const rewriter = new Worker(REWRITER, { eval: true, workerData: { file: file.path, rounds: ROUNDS, size: SIZE } });
    const state = { running: true };
    const ended = once(rewriter, 'exit').then(() => { state.running = false; });
    const codes = new Set<string>();
    const bytes = new Uint8Array(SIZE);
    const note = (body: () => void): void => {
      const error = thrown(body);
      if (error !== undefined) codes.add(error.code);
    };
    while (state.running) {
      for (let i = 0; i < 200; i++) {
        note(() => { file.read(bytes, 0); });
        note(() => file.readUInt32LE(5 * PAGE));
        note(() => { file.write(bytes.subarray(0, PAGE).fill(2), 7 * PAGE); });
      }
      await new Promise(setImmediate);
    }
    await ended;
    codes.delete('ERR_PMEM_TRUNCATED');
    expect([...codes]).toEqual([]);
    writeFileSync(file.path, new Uint8Array(SIZE).fill(3));
    await expectHealthy(file, 3);
  });

  it('a view that met the gap throws, and neither the page nor a new view is held to blame', async () => {
    const file = await open(where);
    const view = file.view({ offset: 0, length: SIZE });
    truncateSync(file.path, 0);
    expect(view[5 * PAGE]).toBe(0);
    writeFileSync(file.path, new Uint8Array(SIZE).fill(2));
    expect(thrown(() => { view.verify(); })).toMatchObject({ code: 'ERR_PMEM_IO', ranges: [{ offset: 5 * PAGE, length: PAGE }] });
    expect(file.withView({ offset: 5 * PAGE, length: PAGE }, (fresh) => fresh[0])).toBe(2);
    await expectHealthy(file, 2);
  });

  it('a view that met a gap which is a hole by now throws, and speaks of no lack of space', async () => {
    const file = await open(where);
    const view = file.view({ offset: 0, length: SIZE });
    truncateSync(file.path, PAGE);
    expect(view[3 * PAGE]).toBe(0);
    truncateSync(file.path, SIZE);
    const error = thrown(() => { view.verify(); });
    expect(error).toMatchObject({ code: 'ERR_PMEM_IO', ranges: [{ offset: 3 * PAGE, length: PAGE }] });
    expect(error?.message).toContain('cut off under the view');
    expect(file.withView({ offset: 0, length: SIZE }, (again) => again[3 * PAGE])).toBe(0);
  });

  it('a persist says what is gone, be it within the last page', async () => {
    const file = await open(where);
    truncateSync(file.path, 5 * PAGE + 100);
    const cut = { code: 'ERR_PMEM_TRUNCATED', ranges: [{ offset: 5 * PAGE + 100, length: SIZE - 5 * PAGE - 100 }] };
    expect(thrown(() => { file.persist(); })).toMatchObject(cut);
    await expect(file.persistAsync()).rejects.toMatchObject(cut);
    expect(thrown(() => { file.persistRanges([{ offset: 0, length: 5 }, { offset: 5 * PAGE, length: SIZE - 5 * PAGE }]); })).toMatchObject(cut);
    const edge = { code: 'ERR_PMEM_TRUNCATED', ranges: [{ offset: 5 * PAGE + 100, length: 10 }] };
    expect(thrown(() => { file.writeAndPersist(new Uint8Array(20), 5 * PAGE + 90); })).toMatchObject(edge);
    file.persist(0, 5 * PAGE + 100);
    writeFileSync(file.path, new Uint8Array(SIZE).fill(2));
    file.persist();
  });
});

it('a page that the kernel keeps from the mapping alone is a media error of the mapping for as long as it does', async () => {
  const file = await open('tmpfs');
  poison(file.path, 3 * PAGE, PAGE);
  const bad = { code: 'ERR_PMEM_MEDIA', ranges: [{ offset: 3 * PAGE, length: PAGE }] };
  for (let i = 0; i < 3; i++) expect(thrown(() => file.readUInt8(3 * PAGE))).toMatchObject(bad);
  expect((await file.scrub()).mediaErrors).toEqual(bad.ranges);
});

it('a Uint8Array of another realm is one', async () => {
  const file = await open('disk');
  file.write(runInNewContext('Uint8Array.of(7, 8, 9)') as Uint8Array, PAGE);
  const target = runInNewContext('new Uint8Array(4)') as Uint8Array;
  file.read(target, PAGE);
  expect([...target]).toEqual([7, 8, 9, 1]);
});
