import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { binaryPath, shippedBinary } from '../../scripts/target.mjs';
import { reportOf, runProgram } from './child.js';
import type { ScratchDirectory } from './scratch-directory.js';
import { ordinaryDirectory } from './scratch-directory.js';

let scratch: ScratchDirectory;
beforeEach(() => { scratch = ordinaryDirectory(); });
afterEach(() => { scratch.remove(); });

const at = (...names: string[]): string => path.join(scratch.path, ...names);

function refused(code: string, name: string): unknown {
  return { code, path: at(name), inMessage: true };
}

it('says why a file cannot be opened, names it, and leaves it as it was', async () => {
  const content = Buffer.from('0123456789abcdef'.repeat(256));
  // Where the tests run as root, the program does not, and has to get into its folder.
  chmodSync(scratch.path, 0o755);
  for (const [name, mode] of [['read-only', 0o444], ['forbidden', 0o000], ['small', 0o666]] as const) {
    writeFileSync(at(name), content);
    chmodSync(at(name), mode);
  }
  mkdirSync(at('directory'), { mode: 0o755 });
  mkdirSync(at('forbidden-folder'), { mode: 0o500 });
  expect(spawnSync('mkfifo', ['-m', '666', at('fifo')]).status, 'mkfifo').toBe(0);

  expect(reportOf(await runProgram('refusals', [scratch.path]))).toEqual({
    readOnly: refused('ERR_PMEM_ACCESS', 'read-only'),
    readOnlyCreate: refused('ERR_PMEM_ACCESS', 'read-only'),
    forbidden: refused('ERR_PMEM_ACCESS', 'forbidden'),
    forbiddenReadOnly: refused('ERR_PMEM_ACCESS', 'forbidden'),
    forbiddenFolder: refused('ERR_PMEM_ACCESS', 'forbidden-folder/file'),
    directory: refused('ERR_PMEM_NOT_A_FILE', 'directory'),
    directoryReadOnly: refused('ERR_PMEM_NOT_A_FILE', 'directory'),
    fifo: refused('ERR_PMEM_NOT_A_FILE', 'fifo'),
    fifoReadOnly: refused('ERR_PMEM_NOT_A_FILE', 'fifo'),
    fifoCreate: refused('ERR_PMEM_NOT_A_FILE', 'fifo'),
    tooSmall: refused('ERR_PMEM_TOO_SMALL', 'small'),
    tooSmallCreate: refused('ERR_PMEM_TOO_SMALL', 'small'),
    absent: refused('ERR_PMEM_NOT_FOUND', 'absent'),
    absentSize: refused('ERR_PMEM_NOT_FOUND', 'absent'),
    behindFile: refused('ERR_PMEM_NOT_FOUND', 'small/file'),
    readOnlyUse: {
      bytes: 'right',
      refused: Array.from({ length: 3 }, () => ({ name: 'PmemError', code: 'ERR_PMEM_READ_ONLY', path: at('read-only') })),
      sizeBytes: content.length,
    },
  });
  chmodSync(at('forbidden'), 0o600);
  for (const name of ['read-only', 'forbidden', 'small']) expect(readFileSync(at(name)).equals(content), name).toBe(true);
  expect(statSync(at('fifo')).isFIFO()).toBe(true);
  const names = ['directory', 'fifo', 'forbidden', 'forbidden-folder', 'read-only', 'small'];
  expect(readdirSync(scratch.path).sort(), 'nothing new').toEqual(names);
  chmodSync(at('forbidden-folder'), 0o700);
});

describe('an installation without a usable binary', () => {
  const packageFolder = path.resolve(import.meta.dirname, '..', '..');

  /** The package as npm would install it, beside a program that uses it. */
  function install(): { readonly program: string; readonly binary: string } {
    const native = at('node_modules', '@safe-pmem', 'native');
    mkdirSync(native, { recursive: true });
    for (const part of ['package.json', 'dist', 'binaries.cjs']) cpSync(path.join(packageFolder, part), path.join(native, part), { recursive: true });
    const binary = shippedBinary(native);
    mkdirSync(path.dirname(binary), { recursive: true });
    cpSync(binaryPath(packageFolder), binary);
    symlinkSync(path.resolve(packageFolder, '..', 'core'), at('node_modules', '@safe-pmem', 'core'));
    for (const part of ['missing-binding.mjs', 'report.mjs']) {
      cpSync(path.join(import.meta.dirname, 'programs', part), at(part));
    }
    return { program: at('missing-binding.mjs'), binary };
  }

  it('works as copied, so that the next two tests fail for want of the binary alone', async () => {
    const { program } = install();
    expect(reportOf(await runProgram(program))).toEqual({ imported: true, driver: 'native' });
  });

  it.each([
    ['absent', (binary: string) => { rmSync(binary); }],
    ['not an addon', (binary: string) => { writeFileSync(binary, 'not an ELF file'); }],
  ])('can be imported, and says ERR_PMEM_BINDING_MISSING with the path when it is used: %s', async (_, spoil) => {
    const { program, binary } = install();
    spoil(binary);
    expect(reportOf(await runProgram(program))).toEqual({
      imported: true,
      error: { name: 'PmemError', code: 'ERR_PMEM_BINDING_MISSING', path: binary, inMessage: true, hasCause: true },
    });
  });
});
