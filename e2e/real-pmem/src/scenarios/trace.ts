/** A trace: what every step of every scenario did on one kernel, filesystem and device. */
import type { Outcome, Scenario, Step } from './step.js';

export interface TracedStep {
  readonly step: Step;
  readonly outcome: Outcome;
}

export interface TracedScenario {
  readonly name: string;
  readonly title: string;
  readonly steps: readonly TracedStep[];
}

export interface TraceSubject {
  /** The series, `6.12`; the full version below it was current when the trace was recorded. */
  readonly kernel: string;
  readonly kernelVersion: string;
  readonly filesystem: string;
  readonly device: string;
  /** Facts of a driver's file on that filesystem. */
  readonly facts: {
    readonly dax: boolean;
    readonly mapSync: boolean;
    readonly persistMethod: string;
    readonly pageBytes: number;
    readonly blockBytes: number;
    readonly busProvider: string;
    readonly busCommands: readonly string[];
  };
}

export interface Trace {
  readonly format: 1;
  readonly subject: TraceSubject;
  readonly scenarios: readonly TracedScenario[];
}

export function tracedScenario(scenario: Scenario, outcomes: readonly Outcome[]): TracedScenario {
  const steps = scenario.steps.map((step, index) => ({ step, outcome: outcomes[index] ?? { missing: true } }));
  return { name: scenario.name, title: scenario.title, steps };
}

/** JSON with one line a step, so that a change of one outcome is a change of one line. */
export function serializeTrace(trace: Trace): string {
  const scenarios = trace.scenarios.map((scenario) => {
    const steps = scenario.steps.map(({ step, outcome }) => `        ${JSON.stringify({ step, outcome })}`).join(',\n');
    return `    {\n      "name": ${JSON.stringify(scenario.name)},\n      "title": ${JSON.stringify(scenario.title)},\n      "steps": [\n${steps}\n      ]\n    }`;
  });
  const subject = JSON.stringify(trace.subject, undefined, 2).replaceAll('\n', '\n  ');
  return `{\n  "format": ${trace.format},\n  "subject": ${subject},\n  "scenarios": [\n${scenarios.join(',\n')}\n  ]\n}\n`;
}

export function parseTrace(text: string): Trace {
  const trace = JSON.parse(text) as Trace;
  // A later format is not one that this code can compare.
  if ((trace.format as number) !== 1) throw new Error(`trace format ${String(trace.format)} is not 1`);
  return trace;
}
