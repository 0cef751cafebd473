/** The machine-check job: real memory errors, injected where a program touches the page, and what becomes of it. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { CaseResult, MachineCheckAnswer, MachineCheckQuestion } from '../machine-check/questions.js';
import {
  mergedRecording, parseRecording, recordedCase, recordingDifferences, serializeRecording, type MachineCheckRecording,
} from '../machine-check/recording.js';
import type { ErrorInjector } from './error-injector.js';
import type { Ask, Job, JobVerdict } from './job.js';
import { cellName, type Cell } from './matrix.js';

export interface MachineCheckJobOptions {
  readonly tree: string;
  /** The place where findings are kept, case by case: a kernel that goes down takes the rest of the job along. */
  readonly runDirectory: string;
  /** Write what was seen over the committed recording. */
  readonly record: boolean;
  /** Names of cases; empty for all. */
  readonly only: readonly string[];
}

/** Of the tree. */
const recordingsFolder = path.join('e2e', 'real-pmem', 'machine-checks');

async function runCase(name: string, ask: Ask, errors: ErrorInjector): Promise<CaseResult> {
  let question: MachineCheckQuestion = { run: name };
  for (;;) {
    const answer = (await ask(question)) as MachineCheckAnswer;
    if ('result' in answer) return answer.result;
    if (!('inject' in answer)) throw new Error(`the guest answers ${JSON.stringify(answer)}`);
    question = await errors.inject(answer.inject).then(
      (): MachineCheckQuestion => ({ injected: true }),
      (cause: unknown): MachineCheckQuestion => ({ injected: true, failure: cause instanceof Error ? cause.message : String(cause) }),
    );
  }
}

async function namesToRun(ask: Ask, only: readonly string[]): Promise<readonly string[]> {
  const answer = (await ask({ names: true } satisfies MachineCheckQuestion)) as MachineCheckAnswer;
  if (!('names' in answer)) throw new Error('the guest names no cases');
  const unknown = only.filter((name) => !answer.names.includes(name));
  if (unknown.length > 0) throw new Error(`no case is called ${unknown.join(', ')}; there are: ${answer.names.join(', ')}`);
  return only.length === 0 ? answer.names : answer.names.filter((name) => only.includes(name));
}

export function machineCheckJob(options: MachineCheckJobOptions): Job {
  return {
    name: 'machine-check',
    program: 'e2e/real-pmem/dist/jobs/machine-check.js',
    nodeArguments: [],
    input: {},
    machineChecks: true,
    hugePages: true,
    async converse(ask, note, cell, { kernelVersion, errors }) {
      if (errors === undefined) throw new Error('this machine has no means to make errors');
      const { kernel, filesystem, device } = cell;
      const subject = { kernel, kernelVersion, filesystem, device };
      const names = await namesToRun(ask, options.only);
      const results: CaseResult[] = [];
      for (const name of names) {
        note(`${results.length} of ${names.length} done, now: ${name}`);
        results.push(await runCase(name, ask, errors));
        const recording: MachineCheckRecording = { format: 1, subject, cases: results.map(recordedCase) };
        await writeFile(path.join(options.runDirectory, `${cellName(cell)}-machine-check.json`), serializeRecording(recording));
        for (const problem of results.at(-1)?.problems ?? []) note(`NOT KEPT ${name}: ${problem}`);
      }
      return verdict({ format: 1, subject, cases: results.map(recordedCase) }, results, cell, options);
    },
  };
}

async function verdict(seen: MachineCheckRecording, results: readonly CaseResult[], cell: Cell, options: MachineCheckJobOptions): Promise<JobVerdict> {
  const summary = `${results.length} cases, ${results.reduce((sum, { observed }) => sum + Object.keys(observed).length, 0)} observations`;
  const failures = results.flatMap(({ name, problems }) => problems.map((problem) => `${name}: ${problem}`));
  const file = path.join(options.tree, recordingsFolder, `${cellName(cell)}.json`);
  if (options.record) {
    if (failures.length > 0) return { summary, failures: [...failures, 'not recorded: promises were not kept'] };
    await mkdir(path.dirname(file), { recursive: true });
    // Cases that were asked for by name take their place among those recorded before.
    const merges = options.only.length > 0 && existsSync(file);
    const all = merges ? mergedRecording(parseRecording(await readFile(file, 'utf8')), seen) : seen;
    await writeFile(file, serializeRecording(all));
    return { summary: `${summary}, recorded`, failures };
  }
  if (!existsSync(file)) return { summary, failures: [...failures, `there is no committed recording ${path.basename(file)}: record it with --record`] };
  const differences = recordingDifferences(parseRecording(await readFile(file, 'utf8')), seen);
  return { summary, failures: [...failures, ...differences] };
}
