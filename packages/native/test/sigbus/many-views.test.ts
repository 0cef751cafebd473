/** Views and what a process has room for: map entries, addresses, the length of an array. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { reportOf, runProgram } from './child.js';
import type { ScratchDirectory } from './scratch-directory.js';
import { ordinaryDirectory } from './scratch-directory.js';
import { PAGE } from '../page-bytes.mjs';

let scratch: ScratchDirectory;
beforeEach(() => { scratch = ordinaryDirectory(); });
afterEach(() => { scratch.remove(); });

const run = async (scenario: string): Promise<unknown> =>
  reportOf(await runProgram('many-views', [scenario, scratch.path], { nodeArgs: ['--expose-gc'] }));

it('twelve thousand views that come and go in one turn of the event loop leave no mapping', async () => {
  expect(await run('oneTurn')).toEqual({ wrong: 0, before: 1, afterWithView: 1, afterRelease: 1 });
});

it('views that are kept are refused while the process can still map memory, and the error says what to do', async () => {
  expect(await run('limit')).toEqual({
    made: true,
    code: 'ERR_PMEM_TOO_MANY_VIEWS',
    namesRelease: true,
    afterOneRelease: null,
    reads: true,
    left: 0,
  });
});

it('a view of five gigabytes is made, or refused where arrays are shorter, and the process lives', async () => {
  const major = Number(process.versions.node.split('.', 1)[0]);
  expect(await run('fiveGiB')).toEqual({ outcome: major < 22 ? 'RangeError' : 'whole', partRight: true });
});

it('a strided loop over a view of a file that was cut off ends, and verify() throws', async () => {
  expect(await run('strided')).toEqual({
    total: 0,
    code: 'ERR_PMEM_TRUNCATED',
    again: 'ERR_PMEM_TRUNCATED',
    first: 2 * PAGE,
    few: true,
  });
});
