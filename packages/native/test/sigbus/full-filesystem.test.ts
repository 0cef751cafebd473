import { afterEach, beforeEach, expect, it } from 'vitest';
import { reportOf, runProgram } from './child.js';
import type { ScratchDirectory } from './scratch-directory.js';
import { ordinaryDirectory } from './scratch-directory.js';
import { smallTmpfs } from './small-tmpfs.js';
import { PAGE } from '../page-bytes.mjs';

let scratch: ScratchDirectory;
beforeEach(() => { scratch = ordinaryDirectory(); });
afterEach(() => { scratch.remove(); });

it('turns a store or load that finds no space into an error with the exact range, and goes on once there is some', async () => {
  const wrapper = smallTmpfs(scratch.path);
  const file = `${scratch.path}/data`;
  const noSpace = (ranges: unknown[]): unknown =>
    expect.objectContaining({ name: 'PmemError', code: 'ERR_PMEM_NO_SPACE', ranges, path: file });
  expect(reportOf(await runProgram('full-filesystem', [scratch.path], { wrapper }))).toEqual({
    freeWhenFull: 0,
    store: noSpace([{ offset: 4 * PAGE, length: PAGE }]),
    load: noSpace([{ offset: 9 * PAGE - 50, length: 100 }]),
    overwrittenBytes: 'right',
    gaps: [{ offset: 4 * PAGE, length: 2 * PAGE, reason: 'no-space' }],
    open: expect.objectContaining({ code: 'ERR_PMEM_NO_SPACE', path: `${scratch.path}/preallocated` }) as unknown,
    leftBehind: false,
    resize: expect.objectContaining({ code: 'ERR_PMEM_NO_SPACE', path: file }) as unknown,
    sizeAfterResize: 16 * PAGE,
    stillFull: 'ERR_PMEM_NO_SPACE',
    rereadBytes: 'right',
  });
});
