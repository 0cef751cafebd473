import type { MockOptions } from '@safe-pmem/mock';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { disagreement, replayAmongPoison } from '../src/fuzz/agreement.js';
import { findDisagreement, linesOf } from '../src/fuzz/find-disagreement.js';
import { randomScenario } from '../src/fuzz/random-scenario.js';
import { mockMachine } from '../src/mock/mock-machine.js';
import type { ReplayMachine } from '../src/scenarios/replay-machine.js';

/** A search in which one simulated machine stands in for the guest. */
function search(standIn: (options: MockOptions) => ReplayMachine, options: MockOptions, sequences: number) {
  const ran: boolean[] = [];
  const found = findDisagreement({
    seed: 7,
    sequences,
    async run(scenario, fresh) {
      ran.push(fresh);
      return disagreement(scenario, await replayAmongPoison(scenario, standIn(options), []), options);
    },
  });
  return { ran, found };
}

describe('random scenarios', () => {
  it('are the same for the same seed', () => {
    const sample = (seed: number) => fc.sample(randomScenario, { seed, numRuns: 5 });
    expect(sample(3)).toEqual(sample(3));
    expect(sample(3)).not.toEqual(sample(4));
  });

  it('open what they use, look at it in the end, and come to every kind of step', () => {
    const scenarios = fc.sample(randomScenario, { seed: 1, numRuns: 500 });
    const verbs = new Set(scenarios.flatMap(({ steps }) => steps.map((step) => step.do)));
    expect([...verbs].sort()).toEqual([
      'allocate', 'badBlocks', 'close', 'create', 'extents', 'foreignWrite', 'inject', 'load', 'open', 'pread', 'probe', 'punch', 'pwrite', 'remap',
      'resize', 'size', 'store', 'sync', 'truncate', 'zeroRange',
    ]);
    for (const { steps } of scenarios) {
      expect(steps[0]?.do).toBe('create');
      expect(steps.at(-1)?.do).toBe('pread');
    }
  });
});

describe.each([['ext4', true], ['ext4', false], ['xfs', true], ['xfs', false]] as const)('two simulated machines, %s, clearable %s', (filesystem, clearable) => {
  it('agree, wherever the allocator of the first puts the blocks', async () => {
    const options = { kernel: '6.12', filesystem, clearable } as const;
    const { found, ran } = search(mockMachine, options, 60);
    expect(await found).toBeUndefined();
    expect(ran).toEqual(Array(60).fill(false));
  });
});

describe('a difference between the machines', () => {
  it('is found and reported shrunk to a few steps', async () => {
    const older = search((options) => mockMachine({ ...options, kernel: '6.1' }), { kernel: '6.12', filesystem: 'ext4' }, 500);
    const found = await older.found;
    expect(found).toBeDefined();
    if (found === undefined) return;
    const lines = linesOf(found);
    expect(lines.at(-1)).toMatch(/the kernel .*"signalCode":2.*, the mock .*"signalCode":4/);
    expect(lines.length).toBeLessThan(6);
    expect(older.ran.slice(0, older.ran.indexOf(true))).not.toContain(true);
    expect(older.ran.at(-1)).toBe(true);
  });

  it('is not mistaken for a run that failed', async () => {
    const { found } = search(() => { throw new Error('no guest'); }, {}, 10);
    await expect(found).rejects.toThrow('the search with seed 7 ended early');
  });
});
