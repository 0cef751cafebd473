import { describe, expect, it } from 'vitest';
import { scenarios } from '../src/scenarios/scenarios.js';
import type { Step } from '../src/scenarios/step.js';
import { diffTraces, formatDifferences } from '../src/scenarios/trace-diff.js';
import { mergeTraces, parseTrace, serializeTrace, type Trace, type TracedScenario } from '../src/scenarios/trace.js';

const steps = [
  { step: { do: 'create', file: 'a', sizeBytes: 4096, preallocate: true }, outcome: {} },
  { step: { do: 'pread', file: 'a', offset: 0, length: 4096 }, outcome: { errno: 'EIO' } },
] as const;
const scenario: TracedScenario = { name: 'read', title: 'A read.', steps };
const trace: Trace = {
  format: 1,
  subject: {
    kernel: '6.12', kernelVersion: 'Linux version 6.12.1', filesystem: 'xfs', device: 'clearable',
    facts: { dax: true, mapSync: true, persistMethod: 'cpu-flush', pageBytes: 4096, blockBytes: 4096, busProvider: 'e820', busCommands: [] },
  },
  scenarios: [scenario],
};
const withScenarios = (...traced: TracedScenario[]): Trace => ({ ...trace, scenarios: traced });

describe('trace file', () => {
  it('comes back as it was, with one line a step', () => {
    const text = serializeTrace(trace);
    expect(parseTrace(text)).toEqual(trace);
    expect(text.split('\n').filter((line) => line.includes('"step"'))).toHaveLength(2);
  });

  it('refuses a format it does not know', () => {
    expect(() => parseTrace(serializeTrace(trace).replace('"format": 1', '"format": 2'))).toThrow(/format 2/);
  });
});

describe('a recording of some scenarios', () => {
  const changed = { ...scenario, title: 'Another read.' };
  const added = { ...scenario, name: 'new' };

  it('takes the place of these, comes after the others if it is new, and leaves the rest', () => {
    const committed = withScenarios(scenario, { ...scenario, name: 'other' });
    const merged = mergeTraces(committed, withScenarios(added, changed));
    expect(merged?.scenarios).toEqual([changed, { ...scenario, name: 'other' }, added]);
  });

  it('is mixed with those of another build of the kernel that is built here', () => {
    const built = (number: number): Trace => ({
      ...trace,
      subject: { ...trace.subject, kernel: 'zeroinit', kernelVersion: `Linux version 6.12.1 (gcc) #${number} SMP Sat` },
    });
    expect(mergeTraces(built(1), { ...built(2), scenarios: [changed] })).toEqual({ ...built(2), scenarios: [changed] });
    expect(mergeTraces(trace, built(1))).toBeUndefined();
  });

  it('is not mixed with those of another version of the kernel', () => {
    const other = { ...trace, subject: { ...trace.subject, kernelVersion: 'Linux version 6.12.2' } };
    expect(mergeTraces(other, withScenarios(changed))).toBeUndefined();
  });
});

describe('comparison', () => {
  it('finds nothing in equal traces, whatever the kernel version and the order of keys', () => {
    const other = { ...trace, subject: { ...trace.subject, kernelVersion: 'Linux version 6.12.2' } };
    expect(diffTraces(trace, other)).toEqual([]);
    const turned: Step = { length: 4096, offset: 0, file: 'a', do: 'pread' };
    expect(diffTraces(trace, withScenarios({ ...scenario, steps: [steps[0], { step: turned, outcome: { errno: 'EIO' } }] }))).toEqual([]);
  });

  it('shows the step, what was committed and what was recorded', () => {
    const changed = withScenarios({ ...scenario, steps: [steps[0], { step: steps[1].step, outcome: { transferredBytes: 4096 } }] });
    expect(formatDifferences(diffTraces(trace, changed), 5)).toEqual([
      'read, step 2', '    pread a [0, 4096)', '  - {"errno":"EIO"}', '  + {"transferredBytes":4096}',
    ]);
  });

  it('tells outcomes apart that look alike', () => {
    const changed = withScenarios({ ...scenario, steps: [steps[0], { step: steps[1].step, outcome: { errno: 'EXX' } }] });
    expect(diffTraces(trace, changed)).toHaveLength(1);
  });

  it('names scenarios that are new, gone or changed', () => {
    const renamed = withScenarios({ ...scenario, name: 'other' });
    expect(diffTraces(trace, renamed).map((difference) => difference.scenario)).toEqual(['other', 'read']);
    const shorter = withScenarios({ ...scenario, steps: [steps[0]] });
    expect(diffTraces(trace, shorter)[0]?.lines[0]).toMatch(/steps have changed/);
  });

  it('compares the facts of the filesystem', () => {
    const noDax = { ...trace, subject: { ...trace.subject, facts: { ...trace.subject.facts, mapSync: false } } };
    expect(diffTraces(trace, noDax)).toHaveLength(1);
  });

  it('counts what it does not show', () => {
    const changed = diffTraces(withScenarios(), withScenarios(scenario, { ...scenario, name: 'b' }, { ...scenario, name: 'c' }));
    expect(formatDifferences(changed, 1).at(-1)).toBe('… and 2 more');
  });
});

describe('scenarios', () => {
  it('have names of their own', () => {
    expect(new Set(scenarios.map(({ name }) => name)).size).toBe(scenarios.length);
  });

  it('open every file before they use it, and never poison less than a sector', () => {
    for (const { name, steps: list } of scenarios) {
      const known = new Set<string>();
      for (const step of list) {
        if (step.do === 'exhaust') continue;
        if (step.do === 'create') known.add(step.file);
        expect(known.has(step.file), `${name}: ${step.do} ${step.file}`).toBe(true);
        if (step.do === 'reflink' || step.do === 'copyRange') known.add(step.target);
        if (step.do === 'inject') expect([step.offset % 512, step.length % 512], name).toEqual([0, 0]);
      }
    }
  });
});
