/**
 * At -O2 a compiler may drop the store that arms the guard, if nothing it can see reads it; without optimisation every
 * guard works. So it has to be the optimised binary that catches, and this is how we know that it was.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { reportOf, runProgram } from './child.js';
import type { ScratchDirectory } from './scratch-directory.js';
import { ordinaryDirectory } from './scratch-directory.js';

const release = path.resolve(import.meta.dirname, '..', '..', 'build', 'Release');

let scratch: ScratchDirectory;
beforeEach(() => { scratch = ordinaryDirectory(); });
afterEach(() => { scratch.remove(); });

function built(...names: string[]): Buffer {
  try {
    return readFileSync(path.join(release, ...names));
  } catch (cause) {
    throw new Error('what was compiled is known only of a build made here: node packages/native/scripts/build-addon.mjs', { cause });
  }
}

/** The command that made an object, as gyp's makefiles keep it to find out whether it changed. */
function commandOf(source: string): string {
  const object = `obj.target/safe_pmem/cpp/pmem/${source}.o`;
  const record = built('.deps', 'Release', `${object}.d`).toString();
  const command = /^cmd_\S+\.o := (.*)$/m.exec(record)?.[1];
  if (command === undefined) throw new Error(`${object}: no command on record`);
  return command;
}

it.each(['guarded_copy', 'sigbus_guard', 'mapping'])('%s is compiled with optimisation', (source) => {
  const levels = commandOf(source).match(/(?<=\s)-O\S*/g);
  expect(levels?.at(-1), 'the last -O decides').toMatch(/^-O[23]$/);
});

it('the guard catches in the very binary that was compiled so', async () => {
  expect(reportOf(await runProgram('loaded-addon', [scratch.path]))).toEqual({
    load: 'ERR_PMEM_TRUNCATED',
    store: 'ERR_PMEM_TRUNCATED',
    addons: [createHash('sha256').update(built('safe_pmem.node')).digest('hex')],
  });
});
