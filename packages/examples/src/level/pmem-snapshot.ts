import { AbstractSnapshot } from 'abstract-level';
import type { Snapshot } from '../pages/index.js';

/** The published types leave out the constructor's argument: who owns the snapshot, for abstract-level itself. */
const Owned = AbstractSnapshot as unknown as new (options: object) => AbstractSnapshot;

export class PmemSnapshot extends Owned {
  /** The state that reads with this snapshot see. */
  readonly state: Snapshot;

  constructor(options: object, state: Snapshot) {
    super(options);
    this.state = state;
  }

  _close(): Promise<void> {
    this.state.close();
    return Promise.resolve();
  }
}

/** Returns the state of the store that a snapshot of one of these databases stands for. */
export function stateOf(snapshot: AbstractSnapshot): Snapshot {
  if (!(snapshot instanceof PmemSnapshot)) throw new TypeError('the snapshot is of another kind of database');
  return snapshot.state;
}
