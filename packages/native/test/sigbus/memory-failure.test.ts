/** A SIGBUS that names another mapping than the one that was accessed, as real machine checks do. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { reportOf, runProgram } from './child.js';
import type { ScratchDirectory } from './scratch-directory.js';
import { tmpfsDirectory } from './scratch-directory.js';
import { PAGE } from '../page-bytes.mjs';

const bad = { code: 'ERR_PMEM_MEDIA', ranges: [{ offset: 600 * PAGE, length: PAGE }] };

let scratch: ScratchDirectory;
beforeEach(() => { scratch = tmpfsDirectory(); });
afterEach(() => { scratch.remove(); });

/** A kernel tells a page of its own, or a huge page. */
const granules = [Math.log2(PAGE), 21].map(String);

describe.each(granules)('with a granule of 2^%s bytes', (log2) => {
  describe.each(['main', 'worker'])('on the %s thread', (thread) => {
    const run = async (scenario: string): Promise<unknown> =>
      reportOf(await runProgram('memory-failure', [scenario, thread, log2, scratch.path]));

    it('about memory that nothing accesses: every byte stays readable, and what is stored arrives', async () => {
      expect(await run('noAccess')).toEqual({
        looks: ['right', 'right'],
        arrived: 'right',
        viewed: 'right',
        again: ['right', 'right'],
      });
    });

    it('the file that was accessed gets the error, on whatever path, and the one that was named is as it was', async () => {
      const one = { met: [bad], healthy: 'right' };
      expect(await run('elsewhere')).toEqual({
        longRead: one, unalignedRead: one, shortRead: one, number: one, longWrite: one, shortWrite: one,
        writeAndPersist: one,
      });
    });

    it('the view that was read is marked, and the file that was named is as it was', async () => {
      expect(await run('view')).toEqual({ zeros: true, ...bad, other: 'right' });
    });
  });
});
