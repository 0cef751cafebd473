/**
 * At -O2 a compiler may drop the store that arms the guard, if nothing it can see reads it; without optimisation every
 * guard works. So it has to be the optimised binary that catches, and this is how we know that it was: the binary
 * carries the switches it was compiled with, and says which file it was loaded from.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { binaryPath } from '../../scripts/target.mjs';
import { reportOf, runProgram } from './child.js';
import type { ScratchDirectory } from './scratch-directory.js';
import { ordinaryDirectory } from './scratch-directory.js';

const binary = binaryPath(path.resolve(import.meta.dirname, '..', '..'));

let scratch: ScratchDirectory;
beforeEach(() => { scratch = ordinaryDirectory(); });
afterEach(() => { scratch.remove(); });

it('every part of the binary is compiled with optimisation', () => {
  // readelf comes with the compiler. One line per distinct command line.
  const section = execFileSync('readelf', ['--string-dump=.GCC.command.line', binary], { encoding: 'utf8' });
  const commands = section.split('\n').filter((line) => /^\s*\[/.test(line));
  expect(commands.length, section).toBeGreaterThan(0);
  for (const command of commands) {
    expect(command.match(/(?<=\s)-O\S*/g)?.at(-1), `the last -O decides: ${command}`).toMatch(/^-O[23]$/);
  }
});

it('the guard catches in that very binary', async () => {
  expect(reportOf(await runProgram('loaded-addon', [scratch.path]))).toEqual({
    load: 'ERR_PMEM_TRUNCATED',
    store: 'ERR_PMEM_TRUNCATED',
    addons: [createHash('sha256').update(readFileSync(binary)).digest('hex')],
  });
});
