// A preallocation that ext4 cannot hold is not begun: it gives away all of its free blocks before it fails, and others
// who write meanwhile find no space. Other filesystems are asked by fallocate(2) itself, since XFS and btrfs do not at
// once count what was deleted as free. Where fallocate is refused, the answer shows if it was called.
import { existsSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { filesystemOf, PAGE, scratchFolder } from '../scratch.js';
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

/** Runs the program on a file in the folder, where fallocate is refused. */
function outcomesIn(folder: string) {
  const name = path.join(folder, 'file');
  const { bsize, bfree } = statfsSync(folder);
  const args = [name, String(2 * bsize * bfree), String(PAGE)];
  const { stdout, stderr } = runRefused('fallocate', EBADMSG, PROGRAM, args);
  expect(stderr).toBe('');
  const [creation, small, growth, size] = JSON.parse(stdout) as unknown[];
  expect([size, existsSync(name)]).toEqual([PAGE, true]);
  return { creation, small, growth };
}

const REFUSED = expect.stringContaining('ERR_PMEM_NO_SPACE') as unknown;
const TRIED = expect.stringContaining('ERR_PMEM_IO') as unknown;

it('what is larger than all free blocks of ext4 is refused without a try, and what fits is tried', () => {
  const folder = scratchFolder('disk');
  const large = filesystemOf(folder) === 'ext4' ? REFUSED : TRIED;
  expect(outcomesIn(folder)).toEqual({ creation: large, small: TRIED, growth: large });
});

it('what statfs of another filesystem tells is not believed: it is tried', () => {
  expect(outcomesIn(scratchFolder('tmpfs'))).toEqual({ creation: TRIED, small: TRIED, growth: TRIED });
});
