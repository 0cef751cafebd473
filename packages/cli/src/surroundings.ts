/**
 * The machine and the screen under a command line. A test hands in its own: a simulated machine, a screen that is a
 * string.
 */
import type { Driver } from '@safe-pmem/core';
import type { FileTree } from './file-tree.js';
import type { Destination } from './destination.js';

/** A stream for text. */
export interface Screen {
  out(text: string): void;
  err(text: string): void;
  /** Standard output is a terminal that understands colours, and NO_COLOR is not set. */
  readonly hasColor: boolean;
  /** Standard error is a terminal: progress may rewrite its line. */
  readonly canRewrite: boolean;
  readonly columns: number;
}

export interface Surroundings {
  readonly driver: Driver;
  readonly tree: FileTree;
  readonly destination: Destination;
  readonly screen: Screen;
  readonly now: () => Date;
  /** Aborted by ^C or SIGTERM: whatever runs then ends at its next step, and says how far it came. */
  readonly interrupted: AbortSignal;
  /** Keeps the process alive until the returned function is called: a watch does not. */
  stayAlive(): () => void;
}
