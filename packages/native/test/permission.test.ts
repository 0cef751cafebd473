/** `node --permission`: the addon makes system calls that node does not see, so the driver has to obey the flags. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { packageFolder, scratchFolder } from './scratch.js';

const FLAG = Number(process.versions.node.split('.', 1)[0]) >= 23 ? '--permission' : '--experimental-permission';
const root = path.resolve(packageFolder, '..', '..');

const PROGRAM = `
import { PmemFile } from '@safe-pmem/core';
import { nativeDriver } from '@safe-pmem/native';
const results = [];
for (const [file, options] of JSON.parse(process.argv[2])) {
  try {
    const opened = await PmemFile.open(file, { driver: nativeDriver(), ...options });
    await opened.close();
    results.push('opened');
  } catch (error) {
    results.push(error.code + ' ' + error.message);
  }
}
console.log(JSON.stringify(results));
`;

function run(flags: readonly string[], opens: readonly (readonly [string, object])[]): string[] {
  // Beside the sources, where the packages are found.
  const program = path.join(scratchFolder(), 'program.mjs');
  writeFileSync(program, PROGRAM);
  const args = [FLAG, `--allow-fs-read=${root}/*`, ...flags, program, JSON.stringify(opens)];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', cwd: packageFolder });
  expect(stdout, stderr).not.toBe('');
  return JSON.parse(stdout) as string[];
}

function folders(): { allowed: string; forbidden: string } {
  const scratch = scratchFolder();
  for (const name of ['allowed', 'forbidden']) mkdirSync(path.join(scratch, name));
  writeFileSync(path.join(scratch, 'forbidden', 'data'), Buffer.alloc(4096));
  return { allowed: path.join(scratch, 'allowed'), forbidden: path.join(scratch, 'forbidden') };
}

it('opens what the flags allow, and refuses the rest by its name, without making a file', () => {
  const { allowed, forbidden } = folders();
  const made = path.join(forbidden, 'made');
  const results = run(
    ['--allow-addons', `--allow-fs-write=${allowed}/*`],
    [
      [path.join(allowed, 'data'), { create: true, size: 4096 }],
      [made, { create: true, size: 4096 }],
      [path.join(forbidden, 'data'), {}],
      [path.join(forbidden, 'data'), { readOnly: true }],
      ['/etc/hostname', { readOnly: true }],
    ],
  );
  expect(results[0]).toBe('opened');
  expect(results[1]).toContain(`ERR_PMEM_ACCESS node --permission forbids it: start node with --allow-fs-write=${forbidden}/*`);
  expect(results[1]).toContain(made);
  expect(results[2]).toContain('--allow-fs-write');
  expect(results[3]).toBe('opened');
  expect(results[4]).toContain('--allow-fs-read=/etc/*');
  expect(existsSync(made)).toBe(false);
});

it('says which flag is missing where no addon may be loaded', () => {
  const { allowed } = folders();
  const [result] = run([`--allow-fs-write=${allowed}/*`], [[path.join(allowed, 'data'), { create: true, size: 4096 }]]);
  expect(result).toContain('ERR_PMEM_BINDING_MISSING');
  expect(result).toContain('Start node with --allow-addons as well');
});
