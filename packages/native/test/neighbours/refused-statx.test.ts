// A sandbox refuses statx(2), as old container runtimes do: the size of a file is asked by fstat(2) then, and a journal
// that names the birth of its file is believed without one.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { expect, it } from 'vitest';
import { PAGE, scratchFolder } from '../scratch.js';
import { LOST, makeLoss } from './planted-loss.js';

/** A seccomp filter that answers statx with an errno, for a program and what it starts. */
const SANDBOX = `
import ctypes, os, platform, struct, sys
number = {'x86_64': 332, 'aarch64': 291}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
def step(code, true, false, value): return struct.pack('HBBI', code, true, false, value)
filter = step(0x20, 0, 0, 0) + step(0x15, 0, 1, number)
filter += step(0x06, 0, 0, 0x50000 | int(sys.argv[1])) + step(0x06, 0, 0, 0x7fff0000)
held = ctypes.create_string_buffer(filter, len(filter))
class Program(ctypes.Structure): _fields_ = [('length', ctypes.c_ushort), ('filter', ctypes.c_void_p)]
program = Program(4, ctypes.cast(held, ctypes.c_void_p).value)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(program), 0, 0) == 0, ctypes.get_errno()
os.execvp(sys.argv[2], sys.argv[2:])
`;

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
  const args = ['--input-type=module', '-e', PROGRAM, name, String(PAGE)];
  const options = { cwd: import.meta.dirname, encoding: 'utf8' as const };
  const { stdout, stderr } = spawnSync('python3', ['-c', SANDBOX, String(errno), process.execPath, ...args], options);
  expect(stderr).toBe('');
  expect(stdout.trim()).toBe(
    'ERR_PMEM_LOST done done done ERR_PMEM_TRUNCATED ERR_PMEM_TRUNCATED done done',
  );
});
