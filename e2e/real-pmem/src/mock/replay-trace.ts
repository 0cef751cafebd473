/** Replays recorded traces on the mock: every step must do there what it did on the kernel. */
import type { ByteRange } from '@safe-pmem/core';
import type { MockOptions } from '@safe-pmem/mock';
import { pageBytes } from '../scenarios/file-steps.js';
import { replayWithLayouts } from '../scenarios/replay.js';
import { describeStep } from '../scenarios/step.js';
import { canonical } from '../scenarios/trace-diff.js';
import type { StepRecord, Trace, TracedScenario, TraceSubject } from '../scenarios/trace.js';
import { BlockPairs } from './block-pairs.js';
import { accumulateLayouts, LayoutFollower } from './layout-follower.js';
import { mockMachine } from './mock-machine.js';

/** The simulated machine that stands for what a trace was recorded on. */
export function mockOptionsFor(subject: Pick<TraceSubject, 'kernel' | 'filesystem' | 'device'>): MockOptions {
  // The mock refuses names that it has no profile for.
  const { kernel, filesystem, device } = subject as { kernel: '6.12' | 'zeroinit'; filesystem: 'ext4'; device: string };
  return { kernel: kernel === 'zeroinit' ? 'dax-zeroinit' : kernel, filesystem, clearable: device === 'clearable' };
}

export interface MockDifference {
  readonly scenario: string;
  /** Counted from 1; 0 if the scenario could not be replayed at all. */
  readonly step: number;
  /** What was done, what the kernel did, what the mock did: one line. */
  readonly line: string;
}

/** What the machine was like before the scenario; by default new, with layouts that count from the first block seen. */
export interface Before {
  /** Bytes of the device that were bad already. */
  readonly poison?: readonly ByteRange[];
  /** Block that the trace's layouts count from. */
  readonly originBlock?: number;
}

/** The same steps on a new simulated machine whose allocator follows the trace. */
export async function replayOnMock(traced: TracedScenario, options: MockOptions, before: Before = {}): Promise<StepRecord[]> {
  const follower = new LayoutFollower(traced.steps);
  const poison = (before.poison ?? []).map(({ offset, length }) => ({ offset: offset + follower.originBytes, length }));
  const originBlock = before.originBlock === undefined ? undefined : before.originBlock + follower.originBytes / pageBytes;
  const machine = mockMachine(options, { poison, originBlock, follower });
  const scenario = { name: traced.name, title: traced.title, steps: traced.steps.map(({ step }) => step) };
  return replayWithLayouts(scenario, machine);
}

/** Every step at which the mock did not do what the kernel did, or put a block elsewhere. */
export async function mockDifferences(traced: TracedScenario, options: MockOptions, before: Before = {}): Promise<MockDifference[]> {
  let records: StepRecord[];
  try {
    records = await replayOnMock(traced, options, before);
  } catch (cause) {
    const reasons: string[] = [];
    for (let error = cause; error instanceof Error; error = error.cause) reasons.push(error.message);
    return [{ scenario: traced.name, step: 0, line: reasons.join(': ') }];
  }
  const expectedLayouts = accumulateLayouts(traced.steps);
  const layouts = accumulateLayouts(records);
  const blocks = new BlockPairs();
  return traced.steps.flatMap(({ step, outcome }, index): MockDifference[] => {
    const difference = (what: string, expected: unknown, actual: unknown): MockDifference[] => [{
      scenario: traced.name,
      step: index + 1,
      line: `${describeStep(step)}: the kernel${what} ${canonical(expected)}, the mock${what} ${canonical(actual)}`,
    }];
    const actual = records[index]?.outcome;
    if (canonical(outcome) !== canonical(actual)) return difference('', outcome, actual);
    const places = [expectedLayouts[index] ?? {}, layouts[index] ?? {}] as const;
    return blocks.match(...places) ? [] : difference(' has the blocks at', ...places);
  });
}

export async function traceDifferences(trace: Trace): Promise<MockDifference[]> {
  const options = mockOptionsFor(trace.subject);
  const differences: MockDifference[] = [];
  for (const scenario of trace.scenarios) differences.push(...(await mockDifferences(scenario, options)));
  return differences;
}

export function formatMockDifferences(differences: readonly MockDifference[]): string {
  return differences.map(({ scenario, step, line }) => `${scenario}, step ${step}: ${line}`).join('\n');
}
