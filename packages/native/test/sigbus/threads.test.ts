import { afterEach, beforeEach, expect, it } from 'vitest';
import { sizeOf } from '../share.js';
import { reportOf, runProgram } from './child.js';
import type { ScratchDirectory } from './scratch-directory.js';
import { tmpfsDirectory } from './scratch-directory.js';

let scratch: ScratchDirectory;
beforeEach(() => { scratch = tmpfsDirectory(); });
afterEach(() => { scratch.remove(); });

// Older kernels log a line for every fault on injected poison, hence fewer of them.
it.each([['poison', 1000], ['truncation', 50_000]])(
  'faults on one thread disturb no thread that uses healthy bytes of the same file: %s, %i times',
  async (kind, count) => {
    const healthy = { wrong: 0, enough: true };
    expect(reportOf(await runProgram('neighbours', [kind, String(count), scratch.path]))).toEqual({
      faults: { missed: 0 },
      healthyWorker: healthy,
      mainThread: healthy,
    });
  },
);

const WORKERS = sizeOf({ whole: 50, share: 12 });

it(`${WORKERS} workers, terminated amid copies, persists and repairs, leave no descriptor, no mapping and no damage`, async () => {
  expect(reportOf(await runProgram('terminated-workers', [String(WORKERS), scratch.path]))).toEqual({
    newDescriptors: 0,
    leftMappings: 0,
    content: 'right',
  });
});
