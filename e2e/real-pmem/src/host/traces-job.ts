/** The traces job: records what the kernel does, and compares it with what it did when the trace was committed. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { TraceResult, TracesInput } from '../jobs/traces.js';
import { diffTraces, formatDifferences } from '../scenarios/trace-diff.js';
import { mergeTraces, parseTrace, serializeTrace, type Trace } from '../scenarios/trace.js';
import type { Job, JobVerdict } from './job.js';
import { cellName, type Cell } from './matrix.js';

export interface TracesJobOptions {
  readonly tree: string;
  /** Where fresh recordings are put for whoever keeps the run. */
  readonly runDirectory: string;
  /** Write what was recorded over the committed trace. */
  readonly record: boolean;
  /** Names of the scenarios to run; empty for all. */
  readonly only: readonly string[];
}

const shownDifferences = 20;

export function tracesJob(options: TracesJobOptions): Job {
  return {
    name: 'traces',
    program: 'e2e/real-pmem/dist/jobs/traces.js',
    nodeArguments: [],
    input: { only: options.only } satisfies TracesInput,
    describe(value) {
      const result = value as TraceResult;
      if ('scenario' in result) return `${result.scenario.name}: ${result.scenario.steps.length} steps`;
      return 'failure' in result ? `NOT RECORDED ${result.scenarioName}` : undefined;
    },
    async judge(values, cell, kernelVersion) {
      const results = values as readonly TraceResult[];
      const failures = results.flatMap((result) => ('failure' in result ? [`${result.scenarioName}: ${result.failure}`] : []));
      const facts = results.find((result) => 'facts' in result)?.facts;
      const scenarios = results.flatMap((result) => ('scenario' in result ? [result.scenario] : []));
      const steps = scenarios.reduce((sum, scenario) => sum + scenario.steps.length, 0);
      const summary = `${scenarios.length} scenarios, ${steps} steps`;
      if (facts === undefined) return { summary, failures: [...failures, 'nothing was recorded'] };
      const subject = { kernel: cell.kernel, kernelVersion, filesystem: cell.filesystem, device: cell.device, facts };
      const verdict = await compare({ format: 1, subject, scenarios }, cell, options, failures.length > 0);
      return { summary: `${summary}${verdict.summary}`, failures: [...failures, ...verdict.failures] };
    },
  };
}

async function compare(recorded: Trace, cell: Cell, options: TracesJobOptions, incomplete: boolean): Promise<JobVerdict> {
  const name = `${cellName(cell)}.json`;
  const committedFile = path.join(options.tree, 'packages', 'mock', 'traces', name);
  await writeFile(path.join(options.runDirectory, name), serializeTrace(recorded));
  if (options.record) {
    if (incomplete) return { summary: '', failures: ['not recorded: the recording is incomplete'] };
    const whole = options.only.length === 0 ? recorded : mergeTraces(await readTrace(committedFile), recorded);
    const others = 'not recorded: the other scenarios are of another kernel version, record all of them';
    if (whole === undefined) return { summary: '', failures: [others] };
    await mkdir(path.dirname(committedFile), { recursive: true });
    await writeFile(committedFile, serializeTrace(whole));
    return { summary: ', recorded', failures: [] };
  }
  if (!existsSync(committedFile)) return { summary: '', failures: [`there is no committed trace ${name}: record it with --record`] };
  const committed = onlyScenarios(await readTrace(committedFile), options.only);
  const differences = diffTraces(committed, recorded);
  if (differences.length > 0) {
    return { summary: '', failures: [`${differences.length} differences from ${name}`, ...formatDifferences(differences, shownDifferences)] };
  }
  const same = committed.subject.kernelVersion === recorded.subject.kernelVersion;
  return { summary: same ? '' : ' as on the older kernel version of the committed trace', failures: [] };
}

async function readTrace(file: string): Promise<Trace> {
  return parseTrace(await readFile(file, 'utf8'));
}

function onlyScenarios(trace: Trace, only: readonly string[]): Trace {
  return only.length === 0 ? trace : { ...trace, scenarios: trace.scenarios.filter((scenario) => only.includes(scenario.name)) };
}
