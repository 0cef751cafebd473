/** A SIGBUS that is not ours does what it would have done without us. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ChildResult } from './child.js';
import { lastWordsOf, linesOf, reportOf, runProgram } from './child.js';
import type { ScratchDirectory } from './scratch-directory.js';
import { ordinaryDirectory } from './scratch-directory.js';

const BUS_ADRERR = 2;
const BUS_MCEERR_AO = 5;
const SI_USER = 0;

let scratch: ScratchDirectory;
beforeEach(() => { scratch = ordinaryDirectory(); });
afterEach(() => { scratch.remove(); });

const run = (...steps: string[]): Promise<ChildResult> => runProgram('signal-steps', [scratch.path, ...steps]);

/** The process sends itself nothing: the test does, from outside, when the program says that it waits. */
const runAndKill = (...steps: string[]): Promise<ChildResult> =>
  runProgram('signal-steps', [scratch.path, ...steps], {
    onReady: (child) => {
      child.kill('SIGBUS');
      child.stdin?.end();
    },
  });

interface Line {
  readonly doing?: string;
  readonly done?: string;
  readonly result?: unknown;
}

/** The results of the steps, in order, of a process that lived. */
function results(result: ChildResult): unknown[] {
  return (linesOf(result) as Line[]).filter((line) => line.done !== undefined).map((line) => line.result);
}

/** Asserts that SIGBUS killed the process in `step`, and nowhere else. */
function expectDeathIn(step: string, result: ChildResult): void {
  const lines = lastWordsOf(result) as Line[];
  expect(lines.filter((line) => line.doing !== undefined).at(-1)).toEqual({ doing: step });
  expect(lines.some((line) => line.done === step), `${step} came to an end`).toBe(false);
}

const JUMPED = 'the handler jumped out';
const TRUNCATED = 'ERR_PMEM_TRUNCATED';

function calls(count: number, lastCode: number, lastAddress: unknown = { aligned: true, inOurFile: false }): unknown {
  return { count, lastCode, lastAddress };
}

describe('a fault in a mapping of other code', () => {
  it('kills if no handler took SIGBUS before', async () => {
    expectDeathIn('foreignFault', await run('open', 'ownLoad', 'foreignFault'));
  });

  it('kills after a fault of ours was caught: the guard is not left armed', async () => {
    expectDeathIn('foreignFault', await run('open', 'ownFault', 'ownFault', 'foreignFault'));
  });

  it('goes to an SA_SIGINFO handler from before the first open, with its code and address', async () => {
    expect(results(await run('install=siginfo', 'open', 'foreignFault', 'handlerCalls'))).toEqual([
      'installed', 'opened', JUMPED, calls(1, BUS_ADRERR),
    ]);
  });

  it('goes to that handler before and after faults of ours, which the handler never sees', async () => {
    const steps = ['install=siginfo', 'open', 'ownFault', 'foreignFault', 'ownFault', 'foreignFault', 'ownLoad', 'handlerCalls'];
    expect(results(await run(...steps))).toEqual([
      'installed', 'opened', TRUNCATED, JUMPED, TRUNCATED, JUMPED, 'right', calls(2, BUS_ADRERR),
    ]);
  });

  it('goes to a plain handler', async () => {
    const steps = ['install=plain', 'open', 'ownFault', 'foreignFault', 'ownFault', 'handlerCalls'];
    expect(results(await run(...steps))).toEqual([
      'installed', 'opened', TRUNCATED, JUMPED, TRUNCATED, calls(1, 0, 0),
    ]);
  });

  it('kills if SIGBUS was ignored: the kernel lets no process ignore a fault of its own', async () => {
    expectDeathIn('foreignFault', await run('install=ignore', 'open', 'ownFault', 'foreignFault'));
  });

  it('kills a process whose other thread is inside guarded copies', async () => {
    expectDeathIn('foreignFaultsElsewhere=1', await run('open', 'foreignFaultsElsewhere=1'));
  });

  it('goes to the handler, from a thread of its own, while this thread copies and faults under guard', async () => {
    expect(results(await run('install=siginfo', 'open', 'foreignFaultsElsewhere=2000', 'ownFault', 'handlerCalls'))).toEqual([
      'installed',
      'opened',
      { exitCode: 0, foreign: 2000, wrong: { loads: 0, faults: 0 }, some: true },
      TRUNCATED,
      calls(2000, BUS_ADRERR),
    ]);
  });
});

describe('a handler that is installed after ours and calls it', () => {
  it('does not keep faults of ours from being caught, one after the other', async () => {
    const steps = ['open', 'install=chain', 'ownFault', 'ownFault', 'ownFault', 'handlerCalls', 'sigbusBlocked'];
    expect(results(await run(...steps))).toEqual([
      'opened', 'installed', TRUNCATED, TRUNCATED, TRUNCATED, calls(3, BUS_ADRERR, 0), false,
    ]);
  });

  it('dies of a foreign fault as before', async () => {
    expectDeathIn('foreignFault', await run('open', 'install=chain', 'ownFault', 'foreignFault'));
  });

  it('hands a foreign fault down to the handler from before', async () => {
    const steps = ['install=siginfo', 'open', 'install=chain', 'foreignFault', 'ownFault', 'foreignFault', 'handlerCalls'];
    expect(results(await run(...steps))).toEqual([
      // Chain and siginfo share one counter: two calls for a foreign fault, one for ours.
      'installed', 'opened', 'installed', JUMPED, TRUNCATED, JUMPED, calls(5, BUS_ADRERR),
    ]);
  });

  it('is below ours after the next open, and still called for foreign faults only', async () => {
    const steps = ['install=siginfo', 'open', 'install=chain', 'open', 'ownFault', 'foreignFault', 'ownFault', 'handlerCalls'];
    expect(results(await run(...steps))).toEqual([
      'installed', 'opened', 'installed', 'opened', TRUNCATED, JUMPED, TRUNCATED, calls(2, BUS_ADRERR),
    ]);
  });

  it('is below ours after the next open, and a foreign fault that no handler takes kills', async () => {
    expectDeathIn('foreignFault', await run('open', 'install=chain', 'open', 'ownFault', 'foreignFault'));
  });
});

describe("process.on('SIGBUS')", () => {
  it('after the first open keeps no fault of ours from being caught', async () => {
    const steps = ['open', 'listen', 'ownFault', 'ownFault', 'ownLoad', 'listenerCalls=0'];
    expect(results(await run(...steps))).toEqual(['opened', 'listening', TRUNCATED, TRUNCATED, 'right', 0]);
  });

  it('hears what comes from outside', async () => {
    const steps = ['open', 'listen', 'ownFault', 'waitForSignal=0', 'listenerCalls=1', 'ownFault'];
    expect(results(await runAndKill(...steps))).toEqual(['opened', 'listening', TRUNCATED, 'went on', 1, TRUNCATED]);
  });

  it.each([[['open', 'listen']], [['listen', 'open']]])('taken back leaves the guard in place: %s first', async (steps) => {
    expect(results(await run(...steps, 'unlisten', 'ownFault')).at(-1)).toBe(TRUNCATED);
  });

  it('taken back leaves the default action for the rest', async () => {
    expectDeathIn('foreignFault', await run('open', 'listen', 'unlisten', 'ownFault', 'foreignFault'));
  });

  it('a hundred times over leaves the last action, not one from in between', async () => {
    expectDeathIn('foreignFault', await run('open', 'listenAndStop=100', 'ownFault', 'foreignFault'));
  });

  it('on the main thread, of files that only a worker has open, is noticed by the next asynchronous call there', async () => {
    expect(reportOf(await runProgram('listener-elsewhere', [scratch.path]))).toEqual({ caught: TRUNCATED });
  });
});

describe('kill -BUS from outside', () => {
  it('kills if no handler took SIGBUS before', async () => {
    expectDeathIn('waitForSignal=1', await runAndKill('open', 'ownFault', 'waitForSignal=1'));
  });

  it('goes to an SA_SIGINFO handler, and the process goes on', async () => {
    const steps = ['install=siginfo', 'open', 'ownFault', 'waitForSignal=1', 'ownFault', 'handlerCalls'];
    expect(results(await runAndKill(...steps))).toEqual([
      'installed', 'opened', TRUNCATED, 'went on', TRUNCATED, expect.objectContaining({ count: 1, lastCode: SI_USER }),
    ]);
  });

  it('goes to a plain handler, and the process goes on', async () => {
    const steps = ['install=plain', 'open', 'waitForSignal=1', 'ownFault', 'handlerCalls'];
    expect(results(await runAndKill(...steps))).toEqual(['installed', 'opened', 'went on', TRUNCATED, calls(1, 0, 0)]);
  });

  it('is ignored where it was ignored before', async () => {
    const steps = ['install=ignore', 'open', 'waitForSignal=0', 'ownFault', 'handlerCalls'];
    expect(results(await runAndKill(...steps))).toEqual(['installed', 'opened', 'went on', TRUNCATED, calls(0, 0, 0)]);
  });
});

describe('an advisory BUS_MCEERR_AO', () => {
  it('about our mapping reaches no handler and kills no process', async () => {
    const steps = ['install=siginfo', 'open', 'advisory=4096', 'ownLoad', 'handlerCalls'];
    expect(results(await run(...steps))).toEqual(['installed', 'opened', 'sent', 'right', calls(0, 0, 0)]);
  });

  it('about other memory goes to the handler from before, address and all', async () => {
    const steps = ['install=siginfo', 'open', 'advisory', 'ownFault', 'handlerCalls'];
    expect(results(await run(...steps))).toEqual(['installed', 'opened', 'sent', TRUNCATED, calls(1, BUS_MCEERR_AO, 4096)]);
  });

  it('about other memory kills if no handler took SIGBUS before', async () => {
    expectDeathIn('advisory', await run('open', 'advisory'));
  });
});
