// A file loses its last name while it is open. On the mock: packages/mock/test/pmem-file/unlinked.test.ts.
import { readdirSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { PmemFile } from '@safe-pmem/core';
import { expect, it } from 'vitest';
import { nativeDriver } from '../../src/index.js';
import { poisonableDriver } from '../../src/testing/index.js';
import { scratchFolder } from '../scratch.js';
import { Opener } from './opener.js';
import { firstByte, LOST, open, refusal, SIZE } from './planted-loss.js';

/** Page 1 is bad; the file is repaired once it has no name. */
async function lostUnlinked(folder: string, unlinked: () => Promise<void>): Promise<PmemFile> {
  const name = path.join(folder, 'file');
  writeFileSync(name, Buffer.alloc(SIZE, 1));
  const driver = poisonableDriver(nativeDriver());
  const file = await open(name, { driver });
  driver.poison(name, LOST);
  await unlinked();
  unlinkSync(name);
  await file.repair(LOST);
  expect(await refusal(() => firstByte(file, LOST.offset))).toMatchObject({ code: 'ERR_PMEM_LOST' });
  return file;
}

it.each([true, false])('it leaves nothing, and a new file of its name (%s) is as good as new', async (before) => {
  const folder = scratchFolder('tmpfs');
  const name = path.join(folder, 'file');
  const file = await lostUnlinked(folder, () => Promise.resolve());
  if (before) writeFileSync(name, Buffer.alloc(SIZE, 8));
  await file.close();
  expect(readdirSync(folder)).toEqual(before ? ['file'] : []);
  if (!before) writeFileSync(name, Buffer.alloc(SIZE, 8));
  const fresh = await open(name);
  expect(firstByte(fresh, LOST.offset)).toBe(8);
  await fresh.close();
});

it('another process has it open: the journal stays until that closes it', async () => {
  const folder = scratchFolder('tmpfs');
  const there = new Opener();
  const file = await lostUnlinked(folder, async () => {
    expect(await there.call('open', path.join(folder, 'file'), {})).toMatchObject({ value: {} });
  });
  await file.close();
  expect(readdirSync(folder)).toEqual(['file.repair']);
  await there.call('close');
});
