import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { reportOf, runProgram } from './child.js';
import type { ScratchDirectory } from './scratch-directory.js';
import { tmpfsDirectory } from './scratch-directory.js';
import { PAGE } from '../page-bytes.mjs';

let scratch: ScratchDirectory;
beforeEach(() => { scratch = tmpfsDirectory(); });
afterEach(() => { scratch.remove(); });

it('an application meets SIGBUS, learns which bytes, repairs them, goes on, and finds everything after a restart', async () => {
  const page = (number: number): { offset: number; length: number } => ({ offset: number * PAGE, length: PAGE });
  expect(reportOf(await runProgram('rescue', ['run', scratch.path]))).toEqual({
    met: [
      { operation: 'read', source: 'sigbus', ranges: [page(7)] },
      { operation: 'read', source: 'sigbus', ranges: [page(8)] },
      { operation: 'write', source: 'sigbus', ranges: [page(23)] },
    ],
    repairs: [7, 8, 23].map((number) => ({ range: page(number), outcome: 'healthy' })),
    wrong: [],
  });
  expect(reportOf(await runProgram('rescue', ['verify', scratch.path]))).toEqual({ records: 200, wrong: [] });
  expect(readdirSync(scratch.path).sort(), 'no journal is left').toEqual(['app.db', 'mirror']);
});
