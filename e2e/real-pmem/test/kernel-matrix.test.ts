import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { pageFile, readTraces } from '../src/matrix-page/files.js';
import { kernelMatrixPage } from '../src/matrix-page/page.js';
import type { Trace } from '../src/scenarios/trace.js';

const tree = fileURLToPath(new URL('../../..', import.meta.url));

/** A copy of the traces in which one outcome of one scenario is another. */
function changed(traces: readonly Trace[], scenario: string, verb: string, outcome: Record<string, string>): Trace[] {
  return traces.map((trace) => ({
    ...trace,
    scenarios: trace.scenarios.map((each) => ({
      ...each,
      steps: each.steps.map((traced) => (each.name === scenario && traced.step.do === verb ? { ...traced, outcome } : traced)),
    })),
  }));
}

describe('docs/reference/kernel-matrix.md', () => {
  it('is what the traces say: npm run docs:kernel-matrix', () => {
    expect(readFileSync(pageFile(tree), 'utf8')).toBe(kernelMatrixPage(readTraces(tree)));
  });

  it('changes where a trace changes', () => {
    const traces = readTraces(tree);
    expect(kernelMatrixPage(changed(traces, 'tail-read', 'pread', { errno: 'ENODATA' }))).toContain('| pread of the tail | ENODATA |');
    expect(kernelMatrixPage(changed(traces, 'write-whole-page', 'badBlocks', {}))).not.toBe(kernelMatrixPage(traces));
  });

  it('does not leave a row out without a word', () => {
    const traces = readTraces(tree).map((trace) => ({ ...trace, scenarios: trace.scenarios.filter(({ name }) => name !== 'tail-read') }));
    expect(() => kernelMatrixPage(traces)).toThrow(/no scenario tail-read/);
  });
});
