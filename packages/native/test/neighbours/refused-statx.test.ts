// A sandbox refuses statx(2), as old container runtimes do: the size of a file is asked by fstat(2) then, and a journal
// that names the birth of its file is believed without one.
import path from 'node:path';
import { expect, it } from 'vitest';
import { PAGE, scratchFolder } from '../scratch.js';
import { LOST, makeLoss } from './planted-loss.js';
import { runRefused } from './sandbox.js';

const PROGRAM = `
import { truncateSync } from 'node:fs';
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
const [name, pageBytes] = [process.argv[1], Number(process.argv[2])];
const file = await PmemFile.open(name, { driver: nativeDriver() });
const codes = [];
for (const call of [
  () => file.read(new Uint8Array(1), pageBytes),
  () => file.persist(),
  () => file.persistAsync(),
  () => truncateSync(name, 2 * pageBytes + 10),
  () => file.persist(),
  () => file.read(new Uint8Array(100), 2 * pageBytes),
  () => file.resize(3 * pageBytes),
  () => file.persist(),
]) {
  try {
    await call();
    codes.push('done');
  } catch (error) {
    codes.push(error.code);
  }
}
await file.close();
console.log(codes.join(' '));
`;

it.each([['EPERM', 1], ['ENOSYS', 38]])('by %s: truncations are noticed, and losses known', async (_, errno) => {
  const name = path.join(scratchFolder('disk'), 'file');
  await makeLoss(name, [LOST]);
  const { stdout, stderr } = runRefused('statx', errno, PROGRAM, [name, String(PAGE)]);
  expect(stderr).toBe('');
  expect(stdout.trim()).toBe(
    'ERR_PMEM_LOST done done done ERR_PMEM_TRUNCATED ERR_PMEM_TRUNCATED done done',
  );
});
