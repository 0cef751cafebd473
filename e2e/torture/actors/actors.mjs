// Actors as the runner sees them.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

const PROGRAM = path.join(import.meta.dirname, 'actor.mjs');

export class Actor {
  #child;
  #next = 0;
  #waiting = new Map();
  #pausedAt;

  name = 'nobody';

  constructor(fifo) {
    this.#child = fork(PROGRAM, [fifo], {
      execArgv: [],
      env: { PATH: process.env.PATH },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child.on('message', ({ id, value, error, event }) => {
      if (event !== undefined) this.onEvent?.(event);
      this.#waiting.get(id)?.(error === undefined ? { value } : { error });
      this.#waiting.delete(id);
    });
    this.exited = once(this.#child, 'exit').then(([code, signal]) => {
      this.ended = signal ?? code;
      for (const answer of this.#waiting.values())
        answer({ error: { code: 'died', message: `${this.name} ended with ${this.ended}` } });
    });
  }

  /** A process has no name until it is needed. */
  be(name) {
    this.name = name;
    void this.call('be', name);
    return this;
  }

  /** The answer: `{ value }` or `{ error: { code, message, … } }`; the code is `died` if the process ends first. */
  call(call, ...args) {
    const id = ++this.#next;
    return new Promise((resolve) => {
      if (this.ended !== undefined)
        resolve({ error: { code: 'died', message: `${this.name} has ended with ${this.ended}` } });
      else {
        this.#waiting.set(id, resolve);
        this.#child.send({ id, call, args }, () => undefined);
      }
    });
  }

  /** The value of a call that has to succeed. */
  async ask(call, ...args) {
    const { value, error } = await this.call(call, ...args);
    if (error !== undefined)
      throw new Error(
        `${this.name}: ${call}(${JSON.stringify(args)}): ${error.code} ${error.message}\n${error.stack ?? ''}`,
      );
    return value;
  }

  pause(forMs) {
    this.#child.kill('SIGSTOP');
    this.#pausedAt = setTimeout(() => this.#child.kill('SIGCONT'), forMs);
  }

  async kill() {
    clearTimeout(this.#pausedAt);
    if (this.ended === undefined) this.#child.kill('SIGKILL');
    await this.exited;
  }
}

/** A process takes long to start: some are, before they are needed. */
export class Actors {
  #fifo;
  #spare = [];
  #running = new Set();
  started = 0;

  constructor(fifo, spares = 3) {
    this.#fifo = fifo;
    for (let i = 0; i < spares; i++) this.#spare.push(new Actor(fifo));
  }

  start(name) {
    this.#spare.push(new Actor(this.#fifo));
    const actor = this.#spare.shift().be(name);
    this.started++;
    this.#running.add(actor);
    return actor;
  }

  /** Those that were started; the spare ones wait on. */
  async killAll() {
    await Promise.all([...this.#running].map((actor) => actor.kill()));
    this.#running.clear();
  }

  async close() {
    await Promise.all(this.#spare.map((actor) => actor.kill()));
    await this.killAll();
  }
}
