/** Callers that wait for one commit point together. */
import type { CommitResult } from '../wal-options.js';

/** Callers that share one commit point. */
export interface Group {
  readonly committed: Promise<CommitResult>;
  readonly resolve: (result: CommitResult) => void;
  readonly reject: (error: unknown) => void;
}

export function newGroup(): Group {
  let resolve!: Group['resolve'];
  let reject!: Group['reject'];
  const committed = new Promise<CommitResult>((fulfil, refuse) => {
    resolve = fulfil;
    reject = refuse;
  });
  return { committed, resolve, reject };
}
