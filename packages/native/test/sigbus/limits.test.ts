import { afterEach, beforeEach, expect, it } from 'vitest';
import { reportOf, runProgram } from './child.js';
import type { ScratchDirectory } from './scratch-directory.js';
import { ordinaryDirectory } from './scratch-directory.js';
import { PAGE } from '../page-bytes.mjs';

let scratch: ScratchDirectory;
beforeEach(() => { scratch = ordinaryDirectory(); });
afterEach(() => { scratch.remove(); });

it('a resize whose mapping cannot be had changes nothing, and an open beyond the limit of descriptors says so', async () => {
  const refused = expect.objectContaining({ code: 'ERR_PMEM_IO', message: expect.stringContaining('ENOMEM') as string }) as unknown;
  expect(reportOf(await runProgram('limits', [scratch.path]))).toEqual({
    grow: refused,
    growSparse: refused,
    sizes: [4 * PAGE, 4 * PAGE],
    grown: [2 ** 31, 2 ** 31],
    bytes: 'right',
    tooMany: expect.objectContaining({ code: 'ERR_PMEM_TOO_MANY_FILES' }) as unknown,
  });
});
