import type { CompleteFile } from '../driver/driver.js';
import type { UnsafeRanges } from '../faults/unsafe-ranges.js';
import type { Journal } from './journal/journal.js';

/** The parts of an open file that a recovery changes. */
export interface RecoverContext {
  readonly file: CompleteFile;
  readonly unsafe: UnsafeRanges;
  readonly journal: Journal;
}

/** Those that a repair changes while the application goes on. */
export interface RepairContext extends RecoverContext {
  /** Throws ERR_PMEM_CLOSED once close() was called. */
  readonly assertOpen: () => void;
}
