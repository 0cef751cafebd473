/** Other processes beside this one: openers of a file, and readers that lock it. */
import type { ChildProcess } from 'node:child_process';
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { onTestFinished } from 'vitest';

export interface Answer {
  readonly value?: unknown;
  readonly code?: string;
  readonly message?: string;
}

export class Opener {
  readonly #child: ChildProcess;
  #next = 0;

  /** `env`: beside PATH, what the process is to have in its environment. */
  constructor(env: Readonly<Record<string, string>> = {}) {
    this.#child = fork(path.join(import.meta.dirname, 'opener.mjs'), [], { execArgv: [], env: { PATH: process.env.PATH, ...env } });
    // Each call listens for the end of the process.
    this.#child.setMaxListeners(0);
    onTestFinished(() => { this.#child.kill('SIGKILL'); });
  }

  /** What the call returned, or the code of its error; `died` if the process ends first. */
  call(call: string, ...args: unknown[]): Promise<Answer> {
    const id = ++this.#next;
    return new Promise((resolve) => {
      const heard = (message: Answer & { readonly id?: number }): void => {
        if (message.id !== id) return;
        this.#child.off('message', heard);
        const { value, code, message: text } = message;
        resolve(code === undefined ? { value } : { code, message: text ?? '' });
      };
      this.#child.on('message', heard);
      this.#child.once('exit', () => { resolve({ code: 'died' }); });
      this.#child.send({ id, call, args }, () => undefined);
    });
  }

  /** Starts a repair; resolves when it waits for the bytes that `supply` gives it. */
  async repairing(range: { offset: number; length: number }): Promise<Promise<Answer>[]> {
    const waiting = once(this.#child, 'message');
    const end = this.call('repair', range);
    const [message] = (await waiting) as [{ readonly event?: string }];
    if (message.event !== 'rebuilding') throw new Error(`the repair did not wait: ${JSON.stringify(message)}`);
    return [end];
  }

  async kill(): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}

/** OFD read lock on every byte, as fcntl(2) gives it to every user who may read the file. F_OFD_SETLK is 37. */
const READER = `
import fcntl, os, struct, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
fcntl.fcntl(fd, 37, struct.pack('hhqqi4x', fcntl.F_RDLCK, 0, 0, 0, 0))
print('locked', flush=True)
sys.stdin.read()
`;

export async function lockForReading(file: string): Promise<void> {
  const child = spawn('python3', ['-c', READER, file], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => { child.kill('SIGKILL'); });
  const ended = once(child, 'exit').then(() => { throw new Error('the reader could not lock the file'); });
  ended.catch(() => undefined);
  await Promise.race([once(child.stdout, 'data'), ended]);
}
