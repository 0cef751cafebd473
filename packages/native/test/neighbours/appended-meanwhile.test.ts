/** Another process appends to a file while a preallocation of it fails: what it has appended stays. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { PAGE, scratchFolder } from '../scratch.js';
import { preloaded } from '../shim/preloaded.js';
import { Opener } from './opener.js';

const APPENDED = 'appended';

function opener(): Opener {
  return new Opener({ LD_PRELOAD: preloaded('appending'), APPENDING: APPENDED });
}

it.each(['disk', 'tmpfs'] as const)('by a resize() that finds no space: %s', async (where) => {
  const name = path.join(scratchFolder(where), 'file');
  const process = opener();
  expect(await process.call('open', name, { create: true, size: PAGE })).toMatchObject({ value: {} });
  expect(await process.call('resize', 4 * PAGE, { preallocate: true })).toMatchObject({ code: 'ERR_PMEM_NO_SPACE' });
  await process.call('close');
  expect(readFileSync(name).subarray(PAGE).toString()).toBe(APPENDED);
});

it.each(['disk', 'tmpfs'] as const)('by an open() that makes the file, and finds no space: %s', async (where) => {
  const name = path.join(scratchFolder(where), 'file');
  const options = { create: true, size: 4 * PAGE, preallocate: true };
  expect(await opener().call('open', name, options)).toMatchObject({ code: 'ERR_PMEM_NO_SPACE' });
  expect(readFileSync(name, 'utf8')).toBe(APPENDED);
});
