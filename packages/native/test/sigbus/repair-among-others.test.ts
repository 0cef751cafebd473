import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { reportOf, runProgram } from './child.js';
import type { ScratchDirectory } from './scratch-directory.js';
import { tmpfsDirectory } from './scratch-directory.js';

let scratch: ScratchDirectory;
beforeEach(() => { scratch = tmpfsDirectory(); });
afterEach(() => { scratch.remove(); });

it('repairs while another thread and another process read the same bytes and store beside them', async () => {
  expect(reportOf(await runProgram('repair-among-others', ['60', scratch.path]))).toEqual({
    repaired: 60,
    wrongHere: null,
    inThread: { wrong: 0, worked: true },
    inProcess: { wrong: 0, worked: true },
  });
  expect(readdirSync(scratch.path)).toEqual(['data']);
});
