import { describe, expect, it } from 'vitest';
import type { Job, JobVerdict } from '../src/host/job.js';
import { runJob } from '../src/host/job-run.js';
import type { GuestMessage, HostMessage } from '../src/protocol.js';

const cell = { kernel: '6.12', device: 'clearable', filesystem: 'ext4' } as const;
const program = { name: 'fuzz', program: 'x.js', nodeArguments: [], input: {} } as const;
const finished = (exitCode: number | null, signal: string | null = null): GuestMessage => ({ type: 'finished', exitCode, signal });
const result = (value: unknown): GuestMessage => ({ type: 'result', value });

/** A guest that says what is written down, and to each question what `answer` makes of it. */
class ScriptedGuest {
  readonly sent: HostMessage[] = [];
  readonly #answer: (question: unknown) => GuestMessage[];
  readonly #waiting: GuestMessage[];
  #wake: (() => void) | undefined;

  constructor(messages: readonly GuestMessage[], answer: (question: unknown) => GuestMessage[] = () => []) {
    this.#waiting = [...messages];
    this.#answer = answer;
  }

  send(message: HostMessage): void {
    this.sent.push(message);
    if (message.type === 'ask') this.#waiting.push(...this.#answer(message.question));
    if (message.type === 'no-more-questions') this.#waiting.push(finished(0));
    this.#wake?.();
  }

  async receive(): Promise<GuestMessage> {
    if (this.#waiting.length === 0) await new Promise<void>((resolve) => { this.#wake = resolve; });
    const message = this.#waiting.shift();
    if (message === undefined) throw new Error('the guest is gone');
    return message;
  }
}

function run(guest: ScriptedGuest, job: Job, notes: string[] = []) {
  return runJob(guest, job, { cell, kernelVersion: 'Linux', silenceLimitMs: 1000 }, (line) => notes.push(line));
}

describe('a job that reports', () => {
  const job = (judge: (values: readonly unknown[]) => JobVerdict): Job => ({
    ...program, describe: String, judge: (values) => Promise.resolve(judge(values)),
  });

  it('is judged by its results, once it has ended', async () => {
    const guest = new ScriptedGuest([result(1), result(2), finished(0)]);
    expect(await run(guest, job((values) => ({ summary: `${values.length} results`, failures: [] })))).toEqual({ status: 'passed', summary: '2 results' });
    expect(guest.sent).toEqual([{ type: 'run', program: 'x.js', nodeArguments: [], input: {} }]);
  });

  it('has failed where the verdict says so, and every line of it is shown', async () => {
    const notes: string[] = [];
    const end = await run(new ScriptedGuest([finished(0)]), job(() => ({ summary: '', failures: ['one\ntwo', 'three'] })), notes);
    expect(end).toEqual({ status: 'failed', summary: '' });
    expect(notes).toEqual(['FAILED one', 'FAILED two', 'FAILED three']);
  });

  it.each([[finished(3), 'status 3'], [finished(null, 'SIGBUS'), 'SIGBUS']])('has failed where its program ended badly, whatever it reported', async (last, how) => {
    const end = await run(new ScriptedGuest([result(1), last]), job(() => ({ summary: 'fine', failures: [] })));
    expect(end).toEqual({ status: 'failed', summary: `fine; the program ended with ${how}` });
  });

  it('shows what its program prints', async () => {
    const notes: string[] = [];
    await run(new ScriptedGuest([{ type: 'text', stream: 'stderr', line: 'boom' }, finished(1)]), job(() => ({ summary: '', failures: [] })), notes);
    expect(notes).toEqual(['stderr: boom']);
  });

  it('is given up with a guest that fails', async () => {
    const guest = new ScriptedGuest([{ type: 'failed', error: 'no such program' }]);
    await expect(run(guest, job(() => ({ summary: '', failures: [] })))).rejects.toThrow('in the guest: no such program');
  });
});

describe('a job that converses', () => {
  it('gets an answer to each question, and ends its program', async () => {
    const guest = new ScriptedGuest([], (question) => [result(Number(question) * 2)]);
    const job: Job = { ...program, converse: async (ask) => ({ summary: `${String(await ask(1))} ${String(await ask(2))}`, failures: [] }) };
    expect(await run(guest, job)).toEqual({ status: 'passed', summary: '2 4' });
    expect(guest.sent.map(({ type }) => type)).toEqual(['run', 'ask', 'ask', 'no-more-questions']);
  });

  it('has failed where its program ends before it has answered, and where it fails itself', async () => {
    const asking: Job = { ...program, converse: async (ask) => ({ summary: String(await ask(1)), failures: [] }) };
    const notes: string[] = [];
    expect((await run(new ScriptedGuest([], () => [finished(1)]), asking, notes)).status).toBe('failed');
    expect(notes).toEqual(['FAILED the program ended before it had answered']);
    const failing: Job = { ...program, converse: () => Promise.reject(new Error('early', { cause: new Error('why') })) };
    expect((await run(new ScriptedGuest([]), failing, notes)).status).toBe('failed');
    expect(notes.at(-1)).toBe('FAILED early: why');
  });
});
