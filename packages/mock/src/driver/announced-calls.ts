/** The calls of one open file: the observer hears of each before it happens, and may give it another outcome. */
import { Errno, type SystemFailure } from '@safe-pmem/core';
import { SimulatedCrash } from '../faults/simulated-crash.js';
import type { Process } from '../kernel/process.js';
import type { Machine } from '../machine.js';
import type { OperationEffect, OperationName } from './operation.js';
import { atOnce } from './turns.js';

/** A system call of the file: the operation that it belongs to, its own name, and the bytes concerned. */
export interface AnnouncedCall {
  readonly name: OperationName;
  readonly syscall: string;
  readonly position: number;
  readonly length: number;
}

export class AnnouncedCalls {
  /** True after close(), or after the process of the file has died. */
  closed = false;
  readonly #machine: Machine;
  readonly #process: Process;
  readonly #path: string;
  readonly #life: number;
  /** Calls that have been made and have not happened yet: close() comes after them. */
  readonly #inFlight = new Set<Promise<unknown>>();

  constructor(machine: Machine, process: Process, path: string) {
    this.#machine = machine;
    this.#process = process;
    this.#path = path;
    this.#life = machine.life;
  }

  /** True until power fails for the first time after the file was opened. */
  get hasPower(): boolean {
    return this.#machine.life === this.#life;
  }

  /** Throws SimulatedCrash after a power loss, and after the process of the file was killed. */
  requireAlive(): void {
    if (!this.hasPower) throw new SimulatedCrash(`'${this.#path}' was open when power failed`);
    if (this.#process.alive) return;
    throw new SimulatedCrash(`'${this.#path}' was open when process '${this.#process.name ?? ''}' was killed`);
  }

  /** Announces an operation. Returns what the observer wants to happen instead, if anything. Throws after close(). */
  begin(name: OperationName, position: number, length: number): OperationEffect | undefined {
    this.requireAlive();
    if (this.closed) throw new Error(`${name} of '${this.#path}' after close`);
    const machine = this.#machine;
    if (machine.observed) return machine.begin(name, this.#path, position, length, this.#process);
    machine.operations++;
    return undefined;
  }

  /** Announces an operation. Returns EBADF after close, the errno that the observer wants, or 0. */
  errno(name: OperationName, position = 0, length = 0): number {
    this.requireAlive();
    if (this.closed) return Errno.EBADF;
    const effect = this.begin(name, position, length);
    return effect !== undefined && 'errno' in effect ? effect.errno : 0;
  }

  /** Announces a system call and runs it, unless errno() has an outcome for it. `body` returns an errno. */
  call({ name, syscall, position, length }: AnnouncedCall, body: () => number): SystemFailure | undefined {
    const errno = this.errno(name, position, length) || body();
    return errno === 0 ? undefined : { errno, syscall };
  }

  /** Does what call() does, when the machine says that the call happens. */
  callAsync(call: AnnouncedCall, body: () => number): Promise<SystemFailure | undefined> {
    return this.later(call.name, call.position, call.length, () => this.call(call, body));
  }

  /** Runs `body` when the machine says that the call happens. */
  later<T>(name: OperationName, position: number, length: number, body: () => T): Promise<T> {
    const { turns } = this.#machine;
    const outcome = turns.wait({ process: this.#process, name, path: this.#path, position, length }, body);
    if (turns === atOnce) return outcome;
    this.#inFlight.add(outcome);
    const ended = (): void => {
      this.#inFlight.delete(outcome);
    };
    outcome.then(ended, ended);
    return outcome;
  }

  /** Runs `action` once no call is in flight: at once if none is. */
  afterAll<T>(action: () => Promise<T>): Promise<T> {
    return this.#inFlight.size === 0 ? action() : Promise.allSettled(this.#inFlight).then(action);
  }
}
