/** When the asynchronous calls of a driver happen: at once, in a later turn of the event loop, or as a scheduler says. */
import type { OperationName } from './operation.js';
import type { Process } from '../kernel/process.js';

/** A call that has been made and has not happened yet. */
export interface WaitingCall {
  readonly process: Process;
  /** `turn` is a piece of the body's own: see MockProcess.turn(). */
  readonly name: OperationName | 'turn';
  readonly path: string;
  readonly position: number;
  readonly length: number;
}

export interface Turns {
  /** Runs `body` when the call's turn has come; the promise has its outcome. */
  wait<T>(call: WaitingCall, body: () => T): Promise<T>;
}

/** Runs the body now and gives its outcome as a promise. */
export function settle<T>(body: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(body());
  });
}

/** Nothing waits. */
export const atOnce: Turns = { wait: (_, body) => settle(body) };

/** Every call takes a turn of the event loop, as calls of a real driver do; in the order in which they were made. */
export const realTurns: Turns = {
  wait: (_, body) =>
    new Promise((resolve, reject) => {
      setImmediate(() => {
        settle(body).then(resolve, reject);
      });
    }),
};
