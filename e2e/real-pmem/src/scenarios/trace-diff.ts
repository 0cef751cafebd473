/** The differences of two traces, in lines for people. Versions of the kernel are not compared: behaviour is. */
import { describeStep } from './step.js';
import type { Trace, TracedScenario } from './trace.js';

export interface TraceDifference {
  readonly scenario: string;
  /** Counted from 1; 0 if the scenario as a whole differs. */
  readonly step: number;
  readonly lines: readonly string[];
}

export function diffTraces(committed: Trace, recorded: Trace): TraceDifference[] {
  const differences: TraceDifference[] = [];
  const { facts: wantedFacts } = committed.subject;
  const { facts } = recorded.subject;
  if (canonical(wantedFacts) !== canonical(facts)) {
    differences.push({ scenario: 'facts', step: 0, lines: [`- ${canonical(wantedFacts)}`, `+ ${canonical(facts)}`] });
  }
  const wanted = new Map(committed.scenarios.map((scenario) => [scenario.name, scenario]));
  for (const scenario of recorded.scenarios) {
    const known = wanted.get(scenario.name);
    wanted.delete(scenario.name);
    if (known === undefined) differences.push({ scenario: scenario.name, step: 0, lines: ['+ not in the committed trace: record it'] });
    else differences.push(...diffScenarios(known, scenario));
  }
  for (const name of wanted.keys()) differences.push({ scenario: name, step: 0, lines: ['- only in the committed trace'] });
  return differences;
}

function diffScenarios(committed: TracedScenario, recorded: TracedScenario): TraceDifference[] {
  const wantedSteps = committed.steps.map(({ step }) => canonical(step)).join('\n');
  const steps = recorded.steps.map(({ step }) => canonical(step)).join('\n');
  if (wantedSteps !== steps) {
    return [{ scenario: recorded.name, step: 0, lines: ['! its steps have changed since the committed trace: record it again'] }];
  }
  return recorded.steps.flatMap(({ step, outcome }, index) => {
    const wanted = canonical(committed.steps[index]?.outcome);
    const found = canonical(outcome);
    if (wanted === found) return [];
    return [{ scenario: recorded.name, step: index + 1, lines: [`  ${describeStep(step)}`, `- ${wanted}`, `+ ${found}`] }];
  });
}

/** JSON with sorted keys: the order of an object's keys is not behaviour. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

/** At most `limit` differences as lines to print, and how many more there are. */
export function formatDifferences(differences: readonly TraceDifference[], limit: number): string[] {
  const lines = differences.slice(0, limit).flatMap(({ scenario, step, lines: detail }) => [
    step === 0 ? scenario : `${scenario}, step ${step}`,
    ...detail.map((line) => `  ${line}`),
  ]);
  return differences.length > limit ? [...lines, `… and ${differences.length - limit} more`] : lines;
}
