import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formatMockDifferences, traceDifferences } from '../src/mock/replay-trace.js';
import { parseTrace, type Trace, type TracedStep } from '../src/scenarios/trace.js';

const folder = new URL('../../../packages/mock/traces/', import.meta.url);
const cells = readdirSync(folder).map((name) => name.replace('.json', ''));
/** Each of them was recorded once, and must not get lost. */
const expected = [
  '5.10-ext4-clearable', '5.10-xfs-clearable', '6.1-ext4-clearable', '6.1-xfs-clearable', '6.12-ext4-clearable', '6.12-ext4-unclearable',
  '6.12-xfs-clearable', '6.12-xfs-unclearable',
  '7.3-ext4-clearable', '7.3-ext4-unclearable', '7.3-xfs-clearable', '7.3-xfs-unclearable',
  'zeroinit-ext4-clearable', 'zeroinit-ext4-unclearable', 'zeroinit-xfs-clearable', 'zeroinit-xfs-unclearable',
];

function traceOf(cell: string): Trace {
  return parseTrace(readFileSync(new URL(`${cell}.json`, folder), 'utf8'));
}

describe('the mock does what the kernel did, step by step', () => {
  it('on every kernel, filesystem and device that has been recorded', () => {
    expect(cells).toEqual(expect.arrayContaining(expected));
  });

  it.each(cells)('%s', async (cell) => {
    const trace = traceOf(cell);
    expect(trace.scenarios.length).toBeGreaterThan(90);
    expect(formatMockDifferences(await traceDifferences(trace))).toBe('');
  });
});

describe('a step that differs', () => {
  const trace = traceOf('6.12-xfs-clearable');
  const load = trace.scenarios.find(({ name }) => name === 'load');
  const onlyLoad = (change: (step: TracedStep, index: number) => TracedStep): Trace => ({
    ...trace,
    scenarios: load === undefined ? [] : [{ ...load, steps: load.steps.map(change) }],
  });

  it('is one line: scenario, step, expected, actual', async () => {
    const changed = onlyLoad((traced, index) => (index === 4 ? { ...traced, outcome: { content: '8 of 6' } } : traced));
    expect(formatMockDifferences(await traceDifferences(changed))).toBe(
      'load, step 5: load a [20480, 20488): the kernel {"content":"8 of 6"}, the mock {"fault":{"granuleLog2":12,"position":20480,"signalCode":4}}',
    );
  });

  it('may be a block in another place', async () => {
    const changed = onlyLoad((traced, index) => (index === 6 ? { ...traced, layout: { a: [[0, 15, 0], [15, 1, 40]] } } : traced));
    expect((await traceDifferences(changed))[0]?.line).toMatch(/^load .*: the kernel has the blocks at .*40.*, the mock has the blocks at .*16,0/);
  });

  it('may be one that cannot be carried out', async () => {
    const changed = onlyLoad((traced) => (traced.step.do === 'load' ? { ...traced, step: { ...traced.step, offset: 1 << 20 } } : traced));
    expect(await traceDifferences(changed)).toMatchObject([{ scenario: 'load', step: 0, line: expect.stringContaining('cannot be carried out') as string }]);
  });
});
