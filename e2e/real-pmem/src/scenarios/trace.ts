/** A trace: what every step of every scenario did on one kernel, filesystem and device. */
import type { Outcome, Scenario, Step } from './step.js';

/**
 * Where the blocks of a file are: `[first page, pages, block]` for each run of pages whose blocks adjoin. Blocks count
 * from the first one that the scenario had.
 */
export type FileLayout = readonly (readonly [page: number, pages: number, block: number])[];

/** Layouts by the file's letter; null where the filesystem has shut itself down and does not tell any more. */
export type Layout = Readonly<Record<string, FileLayout | null>>;

export interface TracedStep {
  readonly step: Step;
  readonly outcome: Outcome;
  /**
   * Layouts after the step of the open files that it moved. Which free block a file gets is the allocator's own affair
   * and no part of what is compared: it is what a simulated allocator has to be told to end up where the real one did.
   */
  readonly layout?: Layout;
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

/** What a step did, and where the blocks are now. */
export interface StepRecord {
  readonly outcome: Outcome;
  readonly layout?: Layout;
}

export function tracedScenario(scenario: Scenario, records: readonly StepRecord[]): TracedScenario {
  const steps = scenario.steps.map((step, index) => ({ step, ...(records[index] ?? { outcome: { missing: true } }) }));
  return { name: scenario.name, title: scenario.title, steps };
}

/**
 * `committed` with what was recorded now in the place of the same scenarios, or after them; undefined if the kernels
 * differ.
 */
export function mergeTraces(committed: Trace, recorded: Trace): Trace | undefined {
  if (versionOf(committed) !== versionOf(recorded)) return undefined;
  const fresh = new Map(recorded.scenarios.map((scenario) => [scenario.name, scenario]));
  const kept = committed.scenarios.map((scenario) => fresh.get(scenario.name) ?? scenario);
  const known = new Set(committed.scenarios.map(({ name }) => name));
  const added = recorded.scenarios.filter(({ name }) => !known.has(name));
  return { ...recorded, scenarios: [...kept, ...added] };
}

/** Without number and date of the build, if it was built here: each machine has its own of the same sources. */
function versionOf({ subject }: Trace): string {
  return subject.kernel === 'zeroinit' ? subject.kernelVersion.replace(/ #\d+ .*$/, '') : subject.kernelVersion;
}

/** JSON with one line a step, so that a change of one outcome is a change of one line. */
export function serializeTrace(trace: Trace): string {
  const scenarios = trace.scenarios.map((scenario) => {
    const steps = scenario.steps.map((traced) => `        ${JSON.stringify(traced)}`).join(',\n');
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
