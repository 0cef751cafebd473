// A preallocation that the filesystem cannot hold is not begun: ext4 gives away all of its free blocks before it fails,
// and others who write meanwhile find no space. Where fallocate(2) is refused, the answer shows if it was called.
import { existsSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { PAGE, scratchFolder } from '../scratch.js';
import { runRefused } from './sandbox.js';

const EBADMSG = 74;

const PROGRAM = `
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
const [name, sizeBytes, pageBytes] = [process.argv[1], Number(process.argv[2]), Number(process.argv[3])];
const said = async (work) => work().then(() => 'done', (error) => error.code + ' ' + error.errno);
const create = (size) => PmemFile.open(name, { driver: nativeDriver(), create: true, size, preallocate: true });
const outcomes = [await said(() => create(sizeBytes)), await said(() => create(pageBytes))];
const file = await PmemFile.open(name, { driver: nativeDriver(), create: true, size: pageBytes });
outcomes.push(await said(() => file.resize(sizeBytes, { preallocate: true })), file.size);
console.log(JSON.stringify(outcomes));
await file.close();
`;

it('what is larger than all free blocks is refused without a try, and what fits is tried', () => {
  const name = path.join(scratchFolder('disk'), 'file');
  const { bsize, bfree } = statfsSync(path.dirname(name));
  const sizeBytes = 2 * bsize * bfree;
  const args = [name, String(sizeBytes), String(PAGE)];
  const { stdout, stderr } = runRefused('fallocate', EBADMSG, PROGRAM, args);
  expect(stderr).toBe('');
  const [creation, small, growth, size] = JSON.parse(stdout) as unknown[];
  expect(creation).toContain('ERR_PMEM_NO_SPACE');
  expect(small).not.toContain('ERR_PMEM_NO_SPACE');
  expect(growth).toContain('ERR_PMEM_NO_SPACE');
  expect([size, existsSync(name)]).toEqual([PAGE, true]);
});
