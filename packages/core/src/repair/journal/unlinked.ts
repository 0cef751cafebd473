/** Removes the journal of a file that has no name any more: no open() finds the file, and another may get its name. */
import type { OpenState } from '../../opening/open-state.js';
import { isOnlyWriter } from '../../opening/writer-lock.js';
import { PmemError } from '../../errors/errors.js';

/**
 * For close(). Others who have the file open learn by the journal what is lost, so it stays for them: the last writer
 * removes it. A reader finds the mark of the file without its journal then, and takes no zeros for data. Whatever fails
 * leaves the journal, which is believed of no other file.
 */
export function removeIfUnlinked({ file, unsafe, journal }: OpenState): void {
  if (!unsafe.hasJournaled || file.facts.readOnly || journal.isHeld) return;
  const names = file.names();
  if ('failure' in names || names.linkCount > 0 || !isOnlyWriter(file)) return;
  try {
    journal.acquireSync('cannot remove the repair journal');
  } catch (error) {
    if (error instanceof PmemError) return;
    throw error;
  }
  try {
    journal.removeFileSync();
  } finally {
    journal.release();
  }
}
