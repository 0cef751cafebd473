import type { ByteRange } from '../byte-range.js';
import type { DriverFile, SystemFailure } from '../driver.js';
import { PmemError } from '../errors.js';
import type { Hazards } from '../hazards.js';
import { systemError } from '../system-error.js';
import { adoptJournal, journalPath, loadJournalSync, lockJournal, storeJournalSync, unlockJournal } from './journal.js';

/**
 * Makes the journal forget tombstones in `range` that were written over and are durable now. Runs on this thread,
 * because persist() promises that everything is durable when it returns; it costs nothing where there is none.
 */
export function dropPersistedTombstones(file: DriverFile, hazards: Hazards, range: ByteRange): void {
  if (hazards.clear) return;
  const dropped = hazards.overwrittenWithin(range);
  if (dropped.length === 0) return;
  const held = lockJournal(file);
  if (held !== undefined) {
    throw systemError('persisted, but the repair journal is in use', held, { path: file.facts.path, ranges: dropped });
  }
  try {
    adoptJournal(hazards, loadJournalSync(file));
    for (const piece of dropped) hazards.dropOverwritten(piece);
    const failure = storeJournalSync(file, hazards.unfinished, hazards.journaledTombstones);
    if (failure === undefined) return;
    hazards.restoreOverwritten(dropped);
    throw journalError(file, failure);
  } finally {
    unlockJournal(file);
  }
}

/** ERR_PMEM_JOURNAL for a journal that could not be replaced. */
export function journalError(file: DriverFile, failure: SystemFailure): PmemError {
  const path = journalPath(file);
  return new PmemError('ERR_PMEM_JOURNAL', 'the repair journal cannot be written', {
    path,
    cause: systemError('cannot write the repair journal', failure, { path }),
  });
}
