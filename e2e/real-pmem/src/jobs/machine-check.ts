/**
 * Runs the cases of the machine-check job, each when the host asks for it, and has the host inject their errors. All run on
 * one filesystem and no file is deleted: a block whose memory had an error must not get another owner.
 */
import { createInterface } from 'node:readline';
import { ActorPool } from '../machine-check/actor-pool.js';
import { machineCheckCases } from '../machine-check/cases.js';
import type { CaseResult, InjectionRequest, MachineCheckAnswer, MachineCheckQuestion } from '../machine-check/questions.js';
import { Stage } from '../machine-check/stage.js';
import { InjectorClient } from './injector-client.js';
import { jobContext, report } from './job-io.js';

const context = jobContext();
const injector = await InjectorClient.connect(context.injector);
const pool = new ActorPool();
const questions = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

function answer(said: MachineCheckAnswer): void {
  report(said);
}

async function nextQuestion(): Promise<MachineCheckQuestion | undefined> {
  const next: IteratorResult<string, undefined> = await questions.next();
  return next.done === true ? undefined : (JSON.parse(next.value) as MachineCheckQuestion);
}

async function inject(request: InjectionRequest): Promise<void> {
  answer({ inject: request });
  const question = await nextQuestion();
  if (question === undefined || !('injected' in question)) throw new Error('the host did not answer');
  if (question.failure !== undefined) throw new Error(`no error was injected: ${question.failure}`);
}

async function run(name: string): Promise<CaseResult> {
  const found = machineCheckCases.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no case is called ${name}`);
  const stage = new Stage(name, { context, injector, inject, pool });
  try {
    await found.run(stage);
  } catch (cause) {
    return stage.finish(name, cause);
  }
  return stage.finish(name);
}

for (let question = await nextQuestion(); question !== undefined; question = await nextQuestion()) {
  if ('names' in question) answer({ names: machineCheckCases.map(({ name }) => name) });
  if ('run' in question) answer({ result: await run(question.run) });
}
await pool.end();
injector.close();
