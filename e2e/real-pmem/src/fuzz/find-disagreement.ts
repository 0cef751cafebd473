/** Runs random scenarios until two machines disagree about one, and then looks for the shortest on which they do. */
import fc from 'fast-check';
import { describeStep, type Scenario } from '../scenarios/step.js';
import type { Disagreement } from './agreement.js';
import { randomScenario } from './random-scenario.js';

export interface Search {
  readonly seed: number;
  readonly sequences: number;
  /**
   * Compares the machines on one scenario. `fresh`: on new ones, whatever they went through before. It is asked for from
   * the first disagreement on, so that what is left of the scenario in the end shows it by itself.
   */
  readonly run: (scenario: Scenario, fresh: boolean) => Promise<Disagreement | undefined>;
}

/** The shortest disagreement that was found, or undefined if all sequences agree. */
export async function findDisagreement({ seed, sequences, run }: Search): Promise<Disagreement | undefined> {
  let shortest: Disagreement | undefined;
  const outcome = await fc.check(
    fc.asyncProperty(randomScenario, async (scenario) => {
      const found = await run(scenario, shortest !== undefined);
      if (found === undefined) return;
      shortest = found;
      throw new Error(found.first.line);
    }),
    { seed, numRuns: sequences },
  );
  // A run that could not even be carried out is no disagreement.
  if (outcome.failed && (shortest === undefined || !(outcome.errorInstance instanceof Error) || outcome.errorInstance.message !== shortest.first.line)) {
    throw new Error(`the search with seed ${seed} ended early`, { cause: outcome.errorInstance });
  }
  return shortest;
}

/** A line for every step that both did alike, and one for the step that differs. */
export function linesOf({ traced, first }: Disagreement): string[] {
  const before = traced.steps.slice(0, Math.max(0, first.step - 1));
  return [...before.map(({ step, outcome }, index) => `${index + 1}. ${describeStep(step)}: ${JSON.stringify(outcome)}`), `${first.step}. ${first.line}`];
}
