/**
 * Who copies or replicates a local log: one at a time. Other processes and other logs on the same files are kept out by
 * the log itself.
 */
import type { Wal } from '../wal/index.js';
import { ReplicatedError } from './replicated-error.js';

const writers = new WeakSet<Wal>();

/** Throws ERR_REPLICATED_LOCKED if `wal` has a writer. Returns what ends the use of it. */
export function becomeWriter(wal: Wal): () => void {
  if (writers.has(wal)) {
    throw new ReplicatedError('ERR_REPLICATED_LOCKED', 'another replicated log, or followStream(), writes to this log');
  }
  writers.add(wal);
  return () => {
    writers.delete(wal);
  };
}
