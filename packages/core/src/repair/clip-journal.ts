/** Drops what the journal says of bytes that the file no longer has. What takes their place later was never lost. */
import { flushWhole } from '../faults/failed-flush.js';
import type { RecoverContext } from './context.js';
import { clippedTo } from './journal/content.js';
import { journalError } from './journal/journal-errors.js';

/**
 * Under the repair lock: clips the journal to `sizeBytes`, the size that the file has now. Throws ERR_PMEM_JOURNAL, or
 * what the flush of the file says; the journal is as it was then.
 */
export async function clipJournal({ file, unsafe, journal }: RecoverContext, sizeBytes: number): Promise<void> {
  const before = journal.content;
  const clipped = clippedTo(before, sizeBytes);
  if (clipped === before) return;
  // Power loss must not bring back the longer file, with the zeros of a repair that no journal speaks of any more.
  await flushWhole(file, unsafe, 'make the size of the file durable');
  const failure = await journal.update((content) => clippedTo(content, sizeBytes));
  if (failure !== undefined) throw journalError(journal, failure);
  unsafe.syncFromJournal(journal.content);
}
