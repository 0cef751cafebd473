/** What surrounds a committer: the log that it serves, and where that goes on. */
import type { CommitPoint } from '../format/commit-slot.js';
import type { Damage } from '../log-files.js';
import type { Tail } from '../append/pending-records.js';

/** What the committer needs of the log around it. */
export interface CommitterHost {
  /** Throws where the log is closed or may not be written. */
  readonly requireWriter: () => void;
  /** A repair that runs and that nothing may be committed beside. */
  readonly exclusiveRepair: () => Promise<unknown> | undefined;
  /** Makes the pages usable again, as far as it goes, that have refused with this error. */
  readonly repairNamed: (refusal: unknown) => Promise<void>;
  /** Brings back header copies that missed a commit point; returns those that cannot be brought back. */
  readonly restoreCopies: (missing: readonly Damage[]) => Promise<readonly Damage[]>;
}

/** Where a log goes on. */
export interface CommitterStart {
  readonly point: CommitPoint;
  /** Where the next record goes. */
  readonly writeOffset: number;
  readonly tail: Tail | undefined;
  /** See WalOptions. */
  readonly blockMs: number;
}
