import { afterEach, beforeEach, expect, it } from 'vitest';
import { reportOf, runProgram } from './child.js';
import type { ScratchDirectory } from './scratch-directory.js';
import { ordinaryDirectory } from './scratch-directory.js';

let scratch: ScratchDirectory;
beforeEach(() => { scratch = ordinaryDirectory(); });
afterEach(() => { scratch.remove(); });

it.each(['main', 'worker'])('SIGBUS is as unblocked after a caught fault as before it, so that the next is caught: %s', async (thread) => {
  expect(reportOf(await runProgram('signal-mask', [thread, scratch.path]))).toEqual({
    afterOpen: false,
    afterEachFault: [
      { code: 'ERR_PMEM_TRUNCATED', blocked: false },
      { code: 'ERR_PMEM_TRUNCATED', blocked: false },
      { code: 'ERR_PMEM_TRUNCATED', blocked: false },
    ],
    otherSignals: 'as before',
  });
});
