/**
 * Lets one writer at a time copy or replicate a local log. Other processes and other logs on the same files are kept
 * out by the log itself.
 */
import type { Wal } from '../wal/index.js';
import { ReplicatedError } from './replicated-error.js';

const writers = new WeakSet<Wal>();

/** Throws ERR_REPLICATED_LOCKED if `wal` has a writer. Returns what ends the use of it. */
export function becomeWriter(wal: Wal): () => void {
  if (writers.has(wal)) {
    const what = 'another replicated log, or followStream(), writes to this log: close that first';
    throw new ReplicatedError('ERR_REPLICATED_LOCKED', wal.path, what);
  }
  writers.add(wal);
  return () => {
    writers.delete(wal);
  };
}
