/** Whether the mock does what this kernel does in a scenario that nobody has recorded. */
import type { ByteRange } from '@safe-pmem/core';
import type { MockOptions } from '@safe-pmem/mock';
import { mockDifferences, type MockDifference } from '../mock/replay-trace.js';
import type { ReplayMachine } from '../scenarios/replay-machine.js';
import { replayWithLayouts } from '../scenarios/replay.js';
import type { Scenario } from '../scenarios/step.js';
import { tracedScenario, type TracedScenario } from '../scenarios/trace.js';

export interface Disagreement {
  readonly traced: TracedScenario;
  readonly first: MockDifference;
}

/** Runs a scenario on the guest and then on the mock; the first step at which they differ, if any. */
export async function disagreement(
  scenario: Scenario,
  guest: ReplayMachine,
  options: MockOptions,
  poison: readonly ByteRange[],
): Promise<Disagreement | undefined> {
  // Both count blocks from the start of the device, so that poison which was there before lies where it lay.
  const traced = tracedScenario(scenario, await replayWithLayouts(scenario, { ...guest, originBlock: 0 }));
  const [first] = await mockDifferences(traced, options, { poison, originBlock: 0 });
  return first === undefined ? undefined : { traced, first };
}
