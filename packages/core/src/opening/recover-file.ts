/** Does for open() what the option `journal` says: finishes, adopts or discards what the journal holds. */
import { PmemError } from '../errors/errors.js';
import { clearStale, discardJournal } from '../repair/journal/discard.js';
import { journalError } from '../repair/journal/journal-errors.js';
import { recoverJournal } from '../repair/recover.js';
import type { OpenOptions } from './open-options.js';
import type { OpenState } from './open-state.js';

export async function recoverFile(state: OpenState, mode: NonNullable<OpenOptions['journal']>): Promise<void> {
  const { file, unsafe, journal } = state;
  if (file.facts.created) await clearStale(file);
  try {
    state.sizeBytes = await recoverJournal(state, mode === 'adopt');
    if (mode !== 'discard') return;
    if (!journal.isCopied) {
      await forgetLosses(state);
      return;
    }
  } catch (error) {
    if (!(error instanceof PmemError && error.code === 'ERR_PMEM_JOURNAL') || mode !== 'discard') throw error;
  }
  unsafe.syncFromJournal({ intents: [], lost: [] });
  const failure = file.facts.readOnly ? undefined : await discardJournal(file, unsafe);
  if (failure !== undefined) throw journalError(journal, failure);
}

/** Repairs that were cut off have been finished by now; what they lost counts as data from here on. */
async function forgetLosses({ file, unsafe, journal }: OpenState): Promise<void> {
  if (!unsafe.hasJournaled || file.facts.readOnly) return;
  await journal.acquire('cannot discard the repair journal');
  try {
    const failure = await journal.update(({ intents }) => ({ intents, lost: [] }));
    if (failure !== undefined) throw journalError(journal, failure);
    unsafe.syncFromJournal(journal.content);
  } finally {
    journal.release();
  }
}
