/** Whether the mock does what a kernel did in a scenario that nobody has recorded. */
import type { ByteRange } from '@safe-pmem/core';
import type { MockOptions } from '@safe-pmem/mock';
import { type Before, mockDifferences, type MockDifference, replayOnMock } from '../mock/replay-trace.js';
import { type ReplayMachine } from '../scenarios/replay-machine.js';
import { replayWithLayouts } from '../scenarios/replay.js';
import type { Scenario } from '../scenarios/step.js';
import { canonical } from '../scenarios/trace-diff.js';
import { tracedScenario, type StepRecord, type TracedScenario } from '../scenarios/trace.js';

/** What a scenario did on a device that may have had bad blocks before it. */
export interface Replayed {
  readonly records: readonly StepRecord[];
  /** What was bad before. */
  readonly poison: readonly ByteRange[];
}

export interface Disagreement {
  readonly traced: TracedScenario;
  readonly first: MockDifference;
}

/** Both sides count blocks from the start of the device, so that poison which was there before lies where it lay. */
export async function replayAmongPoison(scenario: Scenario, machine: ReplayMachine, poison: readonly ByteRange[]): Promise<Replayed> {
  return { records: await replayWithLayouts(scenario, { ...machine, originBlock: 0, earlierPoison: poison }), poison };
}

/** Runs the scenario on the mock; the first step at which it differs from what was recorded, if any. */
export async function disagreement(scenario: Scenario, { records, poison }: Replayed, options: MockOptions): Promise<Disagreement | undefined> {
  const traced = tracedScenario(scenario, records);
  const before: Before = { poison, originBlock: 0 };
  const differences = await mockDifferences(traced, options, before);
  if (differences.length === 0) return undefined;
  const unforeseeable = await stepsWithStaleBytes(traced, options, before);
  const first = differences.find(({ step }) => !unforeseeable.has(step));
  return first === undefined ? undefined : { traced, first };
}

/**
 * Steps, counted from 1, that show what deleted files have left in free blocks: ext4 does that where it could not zero a block.
 * What it was follows from scenarios before this one, and no simulation of this one can know it.
 */
async function stepsWithStaleBytes(traced: TracedScenario, options: MockOptions, before: Before): Promise<ReadonlySet<number>> {
  const steps = new Set<number>();
  try {
    const runs = await Promise.all([0, 0xa5].map((staleByte) => replayOnMock(traced, { ...options, staleByte }, before)));
    const [zeros = [], others = []] = runs.map((run) => run.map(({ outcome }) => canonical(outcome)));
    zeros.forEach((outcome, index) => {
      if (outcome !== others[index]) steps.add(index + 1);
    });
  } catch {
    // A scenario that cannot be replayed has failed already, and says why.
  }
  return steps;
}
