/** Runs bodies side by side, one call at a time: each asynchronous call waits here until it is chosen. */
import { SimulatedCrash } from '../faults/simulated-crash.js';
import type { Turns, WaitingCall } from '../driver/turns.js';

/** A choice between calls that wait. Calls are named by their process, later ones of the same process as `a 2`, `a 3` … */
export interface TurnChoice {
  /** The call that happens unless another one is wanted, for instance `a: pwrite`. */
  readonly next: string;
  /** The processes whose call could happen instead. */
  readonly alternatives: readonly string[];
}

interface Waiting extends WaitingCall {
  readonly happen: () => void;
  readonly reject: (reason: SimulatedCrash) => void;
}

/** Calls that wait until a synchronous operation of their process has ended. */
const ALONE: readonly string[] = ['turn', 'readJournal', 'writeJournal', 'removeJournal'];
/** Turns of the event loop in which nothing waits and nothing ends before the bodies count as stuck. */
const IDLE_TURNS = 1000;
/** A body may pass through the event loop itself, for instance to let others in, before it makes its next call. */
const PATIENT_TURNS = 3;

export class Scheduler implements Turns {
  readonly #decide: (choice: TurnChoice) => string | undefined;
  #waiting: Waiting[] = [];
  #current: string | undefined;
  readonly #living = new Set<string>();
  readonly #dead = new Set<string>();
  #powerless = false;
  /** The call that was chosen has not announced itself yet: what may come before it was decided when it was chosen. */
  #fresh = false;
  #visiting = false;

  /** `decide` names one of the alternatives, or undefined for what happens by itself. */
  constructor(decide: (choice: TurnChoice) => string | undefined) {
    this.#decide = decide;
  }

  /** Processes whose body has not ended. */
  get living(): readonly string[] {
    return [...this.#living];
  }

  isDead(process: string): boolean {
    return this.#dead.has(process);
  }

  wait<T>(call: WaitingCall, body: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#powerless || this.#dead.has(nameOf(call))) {
        reject(neverHappens(call));
        return;
      }
      const happen = (): void => {
        new Promise<T>((done) => { done(body()); }).then(resolve, reject);
      };
      this.#waiting.push({ ...call, happen, reject });
    });
  }

  /** Runs all bodies to their ends; the outcomes are in their order. Rejects if they wait for something that never comes. */
  async run(bodies: ReadonlyMap<string, () => Promise<unknown>>): Promise<readonly PromiseSettledResult<unknown>[]> {
    const running = [...bodies].map(([name, body]) => {
      this.#living.add(name);
      const ended = (): void => {
        this.#living.delete(name);
      };
      const outcome = body();
      outcome.then(ended, ended);
      return outcome;
    });
    for (let idle = 0; this.#living.size > 0; ) {
      await this.#quiet();
      if (this.#waiting.length > 0) {
        idle = 0;
        this.#step([...bodies.keys()]);
      } else if (this.#living.size > 0 && ++idle > IDLE_TURNS) {
        throw new Error(`${this.living.join(' and ')} never end: none of their calls waits for its turn`);
      }
    }
    return Promise.allSettled(running);
  }

  /** The processes whose call may happen inside a synchronous operation of `process`, before the operation itself. */
  visitors(process: string | undefined): readonly string[] {
    if (this.#fresh || this.#visiting) {
      this.#fresh = false;
      return [];
    }
    return this.#names().filter((_, index) => {
      const call = this.#waiting[index];
      // A process has one thread that runs its own code; what it has handed to the kernel goes on beside that. Changes
      // of the journal of one open file come one after the other.
      return call !== undefined && !(call.process.name === process && ALONE.includes(call.name));
    });
  }

  /** Has one call happen within the operation that is running. False if none of that name waits. */
  visit(name: string): boolean {
    const index = this.#names().indexOf(name);
    if (index < 0) return false;
    this.#visiting = true;
    try {
      this.#happen(index);
    } finally {
      this.#visiting = false;
    }
    return true;
  }

  /** The process is dead: its calls that wait never happen. */
  abandon(process: string): void {
    this.#dead.add(process);
    this.#drop((call) => nameOf(call) === process);
  }

  /** Power has failed: no call happens any more. */
  powerFails(): void {
    this.#powerless = true;
    this.#drop(() => true);
  }

  #step(order: readonly string[]): void {
    const names = this.#names();
    const next = this.#preferred(order);
    let chosen = next;
    if (names.length > 1) {
      const call = this.#waiting[next];
      const what = `${names[next] ?? ''}: ${call?.name ?? ''}`;
      const wanted = this.#decide({ next: what, alternatives: names.toSpliced(next, 1) });
      if (wanted !== undefined) chosen = names.indexOf(wanted);
    }
    // The decision may have been a crash.
    const call = this.#waiting[chosen];
    if (call === undefined) return;
    this.#current = nameOf(call);
    this.#fresh = true;
    this.#happen(chosen);
  }

  #happen(index: number): void {
    const [call] = this.#waiting.splice(index, 1);
    call?.happen();
  }

  /** The first call of the process that ran last, else of the first body that has one. */
  #preferred(order: readonly string[]): number {
    for (const name of [this.#current, ...order]) {
      const index = this.#waiting.findIndex((call) => nameOf(call) === name);
      if (index >= 0) return index;
    }
    return 0;
  }

  #names(): string[] {
    const counts = new Map<string, number>();
    return this.#waiting.map((call) => {
      const name = nameOf(call);
      const count = (counts.get(name) ?? 0) + 1;
      counts.set(name, count);
      return count === 1 ? name : `${name} ${count}`;
    });
  }

  /** Waits until no body can go on by itself. */
  async #quiet(): Promise<void> {
    for (let turn = 0; turn < PATIENT_TURNS; turn++) {
      await nextTurn();
      const current = this.#current;
      const isBusy = current !== undefined && this.#living.has(current) && !this.#waiting.some((call) => nameOf(call) === current);
      if (!isBusy) return;
    }
  }

  #drop(concerned: (call: Waiting) => boolean): void {
    const dropped = this.#waiting.filter(concerned);
    this.#waiting = this.#waiting.filter((call) => !concerned(call));
    for (const call of dropped) call.reject(neverHappens(call));
  }
}

function nameOf(call: WaitingCall): string {
  return call.process.name ?? 'driver';
}

function neverHappens(call: WaitingCall): SimulatedCrash {
  return new SimulatedCrash(`${call.name} of '${call.path}' never happened: ${nameOf(call)} was gone before`);
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
