/** A file that is open keeps its place: in another working directory, under another root, and when its name moves. */
import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import { PAGE, scratchFolder } from '../scratch.js';
import { preloaded } from '../shim/preloaded.js';
import { Opener } from './opener.js';
import { expectLoss, firstByte, LOST, makeLoss, open, SIZE } from './planted-loss.js';

const SECOND = { offset: 3 * PAGE, length: PAGE };

/** Two losses of one file: the first is stored over, the second repaired, each by a process that has moved. */
async function storeAndRepair(process: Opener, folder: string): Promise<void> {
  expect(await process.call('byteAt', LOST.offset)).toMatchObject({ code: 'ERR_PMEM_LOST' });
  expect(await process.call('store', LOST, 5)).toEqual({});
  expect(readdirSync(folder).sort()).toEqual(['file', 'file.repair']);
  expect(await process.call('repair', SECOND, 7)).toEqual({ value: ['unverifiable'] });
  expect(await process.call('scrub')).toEqual({ value: [] });
  expect(await process.call('badBlocks')).toMatchObject({ value: expect.stringMatching(/unsupported|none/) as string });
  expect(await process.call('resize', 2 * SIZE)).toEqual({});
  expect(await process.call('close')).toEqual({});
}

async function expectRepaired(name: string): Promise<void> {
  const file = await open(name);
  expect(file.size).toBe(2 * SIZE);
  expect([0, LOST.offset, SECOND.offset].map((at) => firstByte(file, at))).toEqual([1, 5, 7]);
  await file.close();
}

describe.each(['disk', 'tmpfs'] as const)('a file on %s that was opened', (where) => {
  it('by a relative path: its journal stays beside it after the working directory is another one', async () => {
    const folder = scratchFolder(where);
    const elsewhere = scratchFolder();
    await makeLoss(path.join(folder, 'file'), [LOST, SECOND]);
    const process = new Opener();
    await process.call('chdir', folder);
    expect(await process.call('open', 'file', {})).toMatchObject({ value: {} });
    await process.call('chdir', elsewhere);
    await storeAndRepair(process, folder);
    expect(readdirSync(elsewhere)).toEqual([]);
    expect(readdirSync(folder)).toEqual(['file']);
    await expectRepaired(path.join(folder, 'file'));
  });

  it('before the process got another root: its journal stays beside it, and nothing is in the new root', async () => {
    expect(process.getuid?.(), 'only root can change its root: run this test as root').toBe(0);
    const folder = scratchFolder(where);
    const root = scratchFolder();
    // What the path of the file names there is another file.
    mkdirSync(path.join(root, folder), { recursive: true });
    const other = path.join(root, folder, 'file');
    writeFileSync(other, 'another file');
    await makeLoss(path.join(folder, 'file'), [LOST, SECOND]);
    const there = new Opener({ LD_PRELOAD: preloaded('chrooting') });
    expect(await there.call('open', path.join(folder, 'file'), {})).toMatchObject({ value: {} });
    expect(await there.call('chdir', `chroot:${root}`)).toEqual({});
    expect(await there.call('open', path.join(root, 'nowhere'), {})).toMatchObject({ code: 'ERR_PMEM_NOT_FOUND' });
    await storeAndRepair(there, folder);
    expect(readdirSync(path.dirname(other))).toEqual(['file']);
    expect(readFileSync(other, 'utf8')).toBe('another file');
    expect(readdirSync(folder)).toEqual(['file']);
    await expectRepaired(path.join(folder, 'file'));
  });

  it('under a name that two files take turns at is one of them, with its own losses', async () => {
    const folder = scratchFolder(where);
    const inFolder = (name: string): string => path.join(folder, name);
    const [name, lossy, whole] = [inFolder('file'), inFolder('lossy'), inFolder('whole')];
    await makeLoss(name);
    renameSync(name, lossy);
    writeFileSync(whole, Buffer.alloc(SIZE, 2));
    linkSync(whole, name);
    const turns = new Worker(
      `const { linkSync, renameSync } = require('node:fs');
      const { name, names } = require('node:worker_threads').workerData;
      for (let i = 0; ; i++) {
        linkSync(names[i % 2], name + '.next');
        renameSync(name + '.next', name);
      }`,
      { eval: true, workerData: { name, names: [lossy, whole] } },
    );
    onTestFinished(async () => { await turns.terminate(); });
    const seen = new Set<string>();
    for (let i = 0; i < 100 || seen.size < 2; i++) {
      const file = await open(name);
      let found: string;
      try {
        found = String(firstByte(file, LOST.offset));
      } catch (error) {
        found = (error as { code: string }).code;
      }
      seen.add(`${firstByte(file, 0)} ${found}`);
      await file.close();
    }
    expect([...seen].sort()).toEqual(['1 ERR_PMEM_LOST', '2 2']);
    await turns.terminate();
    await expectLoss(lossy);
  });
});
