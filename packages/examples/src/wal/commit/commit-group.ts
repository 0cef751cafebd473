/** Callers that wait for one commit point together. */
import type { CommitResult } from '../wal-options.js';
import type { PointChange } from './committer.js';

/** Callers that share one commit point. */
export interface Group {
  readonly committed: Promise<CommitResult>;
  readonly resolve: (result: CommitResult) => void;
  readonly reject: (error: unknown) => void;
}

/** A caller that waits for a commit point of its own. */
export interface Advance extends Group {
  readonly change: PointChange;
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
