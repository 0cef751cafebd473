/** Callers that wait for a commit point together. */
import type { CommitResult } from '../wal-options.js';
import type { PointChange } from './committer.js';

interface Waiter {
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
  /** Told to the caller; undefined: the result of the commit is. */
  readonly sequence: number | undefined;
}

let resolve: Waiter['resolve'];
let reject: Waiter['reject'];

/** Of all promises: a function made for each would run as it does the first time. */
function takeSettlers(fulfil: Waiter['resolve'], refuse: Waiter['reject']): void {
  resolve = fulfil;
  reject = refuse;
}

/** Callers that share one commit point. Each has a promise of its own, which wakes it at once. */
export class Group {
  readonly #waiters: Waiter[] = [];

  /** Gives the result of the commit. */
  join(): Promise<CommitResult> {
    return this.#wait(undefined);
  }

  /** Gives the number of a record of it. */
  joinAs(sequence: number): Promise<number> {
    return this.#wait(sequence);
  }

  #wait<Told>(sequence: number | undefined): Promise<Told> {
    const committed = new Promise<Told>(takeSettlers);
    this.#waiters.push({ resolve, reject, sequence });
    return committed;
  }

  readonly resolve = (result: CommitResult): void => {
    for (const { resolve, sequence } of this.#waiters) resolve((sequence ?? result) as never);
  };

  readonly reject = (error: unknown): void => {
    for (const { reject } of this.#waiters) reject(error);
  };
}

/** A caller that waits for a commit point of its own. */
export interface Advance {
  readonly group: Group;
  readonly change: PointChange;
}
