import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { plannedRuns } from '../src/host/default-matrix.js';
import { cellName } from '../src/host/matrix.js';
import { parseOptions } from '../src/host/options.js';

const planned = (...args: string[]): Record<string, readonly string[]> =>
  Object.fromEntries(plannedRuns(parseOptions(args)).map(({ cell, jobs }) => [cellName(cell), jobs]));

const traces = readdirSync(new URL('../../../packages/mock/traces/', import.meta.url)).map((name) => name.replace('.json', ''))
  // Built here, and run if asked for.
  .filter((name) => !name.startsWith('zeroinit'));

describe('a run that nothing was asked of', () => {
  const usual = planned();

  it('has every job, both filesystems, and both devices', () => {
    const jobs = new Set(Object.values(usual).flat());
    expect([...jobs].sort()).toEqual(['command', 'contract', 'cost', 'fuzz', 'repair', 'smoke', 'traces']);
    for (const part of ['ext4', 'xfs', '-clearable', 'unclearable', '6.1-', '6.12-', '7.3-']) expect(Object.keys(usual).join(' ')).toContain(part);
  });

  it('compares only traces that are there', () => {
    for (const [cell, jobs] of Object.entries(usual)) if (jobs.includes('traces')) expect(traces).toContain(cell);
  });
});

describe('--all', () => {
  it('has every cell that there is a trace of', () => {
    expect(Object.keys(planned('--all'))).toEqual(expect.arrayContaining(traces));
  });

  it('has the machine checks of every cell that there is a recording of, and of no other', () => {
    const recordings = readdirSync(new URL('../machine-checks/', import.meta.url));
    const withRecording = recordings.map((name) => name.replace('.json', '')).sort();
    const cellsWith = (...args: string[]): string[] => {
      const cells = Object.entries(planned('--all', ...args));
      return cells.filter(([, jobs]) => jobs.includes('machine-check')).map(([cell]) => cell).sort();
    };
    expect(cellsWith()).toEqual(withRecording);
    expect(cellsWith('--job', 'machine-check')).toEqual(withRecording);
    expect(Object.keys(planned('--all', '--job', 'machine-check')).sort()).toEqual(withRecording);
  });

  it('has all jobs, and compares only traces that are there', () => {
    const all = planned('--all');
    expect(all['5.10-xfs-clearable']).toEqual(['smoke', 'contract', 'repair', 'cost', 'command', 'traces', 'fuzz']);
    for (const [cell, jobs] of Object.entries(all)) expect([cell, jobs.includes('traces')]).toEqual([cell, traces.includes(cell)]);
  });

  it('can be narrowed', () => {
    expect(planned('--all', '--kernel', '7.3', '--fs', 'xfs', '--job', 'traces')).toEqual({ '7.3-xfs-clearable': ['traces'], '7.3-xfs-unclearable': ['traces'] });
    expect(planned('--all', '--kernel', '4.19')).toEqual({});
  });
});

describe('--default', () => {
  it('is the usual run, and can be narrowed', () => {
    expect(planned('--default')).toEqual(planned());
    const usual = Object.entries(planned()).filter(([cell]) => !cell.startsWith('7.3'));
    expect(Object.entries(planned('--default', '--kernel', '6.1', '--kernel', '6.12'))).toEqual(usual);
    const narrowed = planned('--default', '--kernel', '6.1', '--job', 'traces', '--job', 'fuzz');
    expect(narrowed).toEqual({ '6.1-xfs-clearable': ['traces'] });
    expect(planned('--default', '--kernel', '5.10')).toEqual({});
  });

  it('is not --all', () => {
    expect(() => planned('--default', '--all')).toThrow('only one of them');
  });
});

describe('a run that something was asked of', () => {
  it('has just that', () => {
    expect(planned('--kernel', '5.10', '--job', 'smoke')).toEqual({ '5.10-ext4-clearable': ['smoke'], '5.10-xfs-clearable': ['smoke'] });
    expect(Object.keys(planned('--job', 'traces'))).toHaveLength(6);
  });
});
