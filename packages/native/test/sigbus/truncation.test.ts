import { afterEach, beforeEach, expect, it } from 'vitest';
import { lastWordsOf, reportOf, runProgram } from './child.js';
import type { ScratchDirectory } from './scratch-directory.js';
import { ordinaryDirectory, tmpfsDirectory } from './scratch-directory.js';
import { PAGE } from '../page-bytes.mjs';

const END = 3 * PAGE + 100;

let scratch: ScratchDirectory | undefined;
beforeEach(() => { scratch = undefined; });
afterEach(() => { scratch?.remove(); });

it('kills a process that loads from a truncated file without a guard: signals are real here', async () => {
  expect(lastWordsOf(await runProgram('unguarded-fault'))).toEqual([{ doing: 'load' }]);
});

for (const [where, make] of [['the disk of temporary files', ordinaryDirectory], ['tmpfs', tmpfsDirectory]] as const) {
  it(`turns truncation under the mapping into an error with the exact range, and goes on: ${where}`, async () => {
    scratch = make();
    const truncated = (operation: string, offset: number, end: number): unknown =>
      expect.objectContaining({
        name: 'PmemError',
        code: 'ERR_PMEM_TRUNCATED',
        ranges: [{ offset, length: end - offset }],
        path: `${String(scratch?.path)}/data`,
        message: `${operation} met the end of a file that was truncated: '${String(scratch?.path)}/data' bytes [${offset}, ${end})`,
      });
    expect(reportOf(await runProgram('truncation', [scratch.path]))).toEqual({
      readAcross: truncated('read', END, 8 * PAGE),
      readBehind: truncated('read', 6 * PAGE + 5, 6 * PAGE + 15),
      writeAcross: truncated('write', END, 5 * PAGE),
      bytesBeforeTheNewEnd: 'right',
      salvaged: [{ offset: 0, length: END }],
      salvagedBytes: 'right',
      gaps: [{ offset: END, length: 8 * PAGE - END, reason: 'truncated' }],
      sizeAfterResize: 10 * PAGE,
      grownBytes: 'zeros',
      rereadBytes: 'right',
    });
  });
}
