/** One job in a running guest, from its start to its verdict. */
import type { GuestMessage } from '../protocol.js';
import type { Ask, Job, JobVerdict } from './job.js';
import type { Cell } from './matrix.js';
import { expectMessage, type VirtualMachine } from './virtual-machine.js';

/** What a job needs of the machine. */
export type GuestPort = Pick<VirtualMachine, 'send' | 'receive'> & Partial<Pick<VirtualMachine, 'errors'>>;

export interface JobEnd {
  readonly status: 'passed' | 'failed';
  readonly summary: string;
}

/** Hands the program's results to whoever has asked for them. */
class Answers {
  readonly #machine: GuestPort;
  #asked: { readonly resolve: (answer: unknown) => void; readonly reject: (cause: Error) => void } | undefined;
  #end: Error | undefined;

  constructor(machine: GuestPort) {
    this.#machine = machine;
  }

  readonly ask: Ask = (question) =>
    new Promise((resolve, reject) => {
      if (this.#end !== undefined) {
        reject(this.#end);
        return;
      }
      this.#asked = { resolve, reject };
      this.#machine.send({ type: 'ask', question });
    });

  give(answer: unknown): void {
    const asked = this.#asked;
    this.#asked = undefined;
    asked?.resolve(answer);
  }

  end(cause: Error): void {
    this.#end = cause;
    this.#asked?.reject(cause);
  }
}

/** Lines that need not all be shown: one now and then says that the job goes on. */
class Heartbeat {
  readonly #note: (line: string) => void;
  readonly #now: () => number;
  #lastMs: number;

  constructor(note: (line: string) => void, now: () => number = () => performance.now()) {
    this.#note = note;
    this.#now = now;
    this.#lastMs = now();
  }

  beat(line: string): void {
    if (this.#now() - this.#lastMs < heartbeatMs) return;
    this.#lastMs = this.#now();
    this.#note(line);
  }
}

const heartbeatMs = 10_000;

/** Runs the job to its end. Rejects if the guest is lost or does not do what it is asked. */
export async function runJob(
  machine: GuestPort,
  job: Job,
  of: { readonly cell: Cell; readonly kernelVersion: string; readonly silenceLimitMs: number },
  note: (line: string) => void,
): Promise<JobEnd> {
  const { program, nodeArguments, input, asRoot } = job;
  machine.send({ type: 'run', program, nodeArguments, input, ...(asRoot === true ? { asRoot } : {}) });
  const answers = new Answers(machine);
  const heartbeat = new Heartbeat(note);
  const conversation = 'converse' in job
    ? job.converse(answers.ask, (line) => { heartbeat.beat(line); }, of.cell, { kernelVersion: of.kernelVersion, errors: machine.errors }).catch(failedVerdict).finally(() => {
        machine.send({ type: 'no-more-questions' });
      })
    : undefined;
  const values: unknown[] = [];
  for (;;) {
    let message: GuestMessage;
    try {
      message = await machine.receive(of.silenceLimitMs);
    } catch (cause) {
      answers.end(cause instanceof Error ? cause : new Error(String(cause)));
      throw cause;
    }
    switch (message.type) {
      case 'result': {
        if ('converse' in job) {
          answers.give(message.value);
          break;
        }
        values.push(message.value);
        const line = job.describe(message.value);
        if (line !== undefined) heartbeat.beat(`${values.length} done: ${line}`);
        break;
      }
      case 'text':
        note(`${message.stream}: ${message.line}`);
        break;
      case 'finished': {
        answers.end(new Error('the program ended before it had answered'));
        const verdict = 'judge' in job ? await job.judge(values, of.cell, of.kernelVersion) : await conversation;
        if (verdict === undefined) throw new Error(`${job.name} gives no verdict`);
        for (const line of verdict.failures.flatMap((failure) => failure.split('\n'))) note(`FAILED ${line}`);
        const ended = message.exitCode === 0 ? [] : [`the program ended with ${message.signal ?? `status ${message.exitCode ?? -1}`}`];
        const failed = verdict.failures.length > 0 || ended.length > 0;
        return { status: failed ? 'failed' : 'passed', summary: [verdict.summary, ...ended].filter((part) => part !== '').join('; ') };
      }
      default:
        expectMessage(message, 'finished');
    }
  }
}

function failedVerdict(cause: unknown): JobVerdict {
  const reasons: string[] = [];
  for (let error = cause; error instanceof Error; error = error.cause) reasons.push(error.message);
  return { summary: '', failures: [reasons.join(': ') || String(cause)] };
}
