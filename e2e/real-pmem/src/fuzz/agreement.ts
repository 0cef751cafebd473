/** Whether the mock does what a kernel did in a scenario that nobody has recorded. */
import type { ByteRange } from '@safe-pmem/core';
import type { MockOptions } from '@safe-pmem/mock';
import { mockDifferences, type MockDifference } from '../mock/replay-trace.js';
import { type ReplayMachine } from '../scenarios/replay-machine.js';
import { replayWithLayouts } from '../scenarios/replay.js';
import type { Scenario } from '../scenarios/step.js';
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
  const [first] = await mockDifferences(traced, options, { poison, originBlock: 0 });
  return first === undefined ? undefined : { traced, first };
}
