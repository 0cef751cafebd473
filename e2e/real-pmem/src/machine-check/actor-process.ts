/** An actor, seen from the job that has started it. */
import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import type { ActorAnswer, ActorCallName, ActorCalls, ActorQuestion } from './actor-calls.js';

const program = path.resolve(import.meta.dirname, '..', 'machine-check', 'actor.js');

/** PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY: told of errors that it has mapped before it touches them. Survives exec. */
const earlyPolicy = 'import ctypes, os, sys\nassert ctypes.CDLL(None).prctl(33, 1, 1, 0, 0) == 0\nos.execv(sys.argv[1], sys.argv[1:])\n';

export interface ActorOptions {
  /** In a worker thread of the process. */
  readonly worker?: boolean;
  /** With the kernel's policy of telling a process early. */
  readonly early?: boolean;
}

export class ActorProcess {
  /** Without options. */
  readonly ordinary: boolean;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { readonly resolve: (value: string) => void; readonly reject: (cause: Error) => void }>();
  #asked = 0;
  #death: string | undefined;

  constructor({ worker = false, early = false }: ActorOptions = {}) {
    this.ordinary = !worker && !early;
    const options = early ? { execPath: 'python3', execArgv: ['-c', earlyPolicy, process.execPath] } : {};
    this.#child = fork(program, worker ? ['--worker'] : [], { ...options, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', (message) => {
      const said = message as ActorAnswer;
      const waiting = this.#waiting.get(said.id);
      this.#waiting.delete(said.id);
      if ('value' in said) waiting?.resolve(said.value);
      else waiting?.reject(new Error(said.failure));
    });
    this.#child.on('error', (cause) => { this.#died(cause.message); });
    this.#child.on('exit', (code, signal) => { this.#died(signal ?? `status ${code ?? -1}`); });
  }

  /** Undefined while the process lives. */
  get death(): string | undefined {
    return this.#death;
  }

  #died(of: string): void {
    this.#death ??= of;
    for (const { reject } of this.#waiting.values()) reject(new Error(`the process died: ${of}`));
    this.#waiting.clear();
  }

  /** Rejects if the process has died, or the call was impossible. */
  call<Name extends ActorCallName>(call: Name, ...given: Parameters<ActorCalls[Name]>): Promise<string> {
    if (this.#death !== undefined) return Promise.reject(new Error(`the process died: ${this.#death}`));
    const id = ++this.#asked;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, call, arguments: given } satisfies ActorQuestion);
    });
  }

  async end(): Promise<void> {
    if (this.#death !== undefined) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.disconnect();
    await gone;
  }
}
