import type { ByteRange } from '../../ranges/byte-range.js';
import { subtract } from '../../ranges/byte-range.js';
import type { UnsafeRanges } from '../../faults/unsafe-ranges.js';
import type { Journal } from './journal.js';
import { journalError } from './journal-errors.js';

/**
 * Makes the journal forget lost bytes in `ranges` that were written over and are durable now. Runs on this thread,
 * because persist() promises that everything is durable when it returns; it costs nothing if there are none.
 */
export function dropPersistedLosses(journal: Journal, unsafe: UnsafeRanges, ranges: readonly ByteRange[]): void {
  if (unsafe.isEmpty) return;
  // What the kernel may have dropped is not durable, though its flush succeeded: the medium may hold zeros there.
  const dropped = ranges.flatMap((range) =>
    subtract(unsafe.overwrittenWithin(range), unsafe.unpersistedWithin(range)),
  );
  if (dropped.length === 0) return;
  journal.acquireSync('persisted, but the repair journal is in use');
  try {
    const failure = journal.updateSync((now) => ({ ...now, lost: subtract(now.lost, dropped) }));
    if (failure !== undefined) throw journalError(journal, failure);
    for (const piece of dropped) unsafe.dropOverwritten(piece);
  } finally {
    journal.release();
  }
}
