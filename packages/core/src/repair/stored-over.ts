/**
 * Intents of repairs that are gone, whose page others have stored into since. Openers that know of no repair store into
 * a page as soon as it can be read: a repair that finished such an intent would write over what they have stored.
 */
import { flushWhole } from '../faults/failed-flush.js';
import { repairUnitBytes } from '../opening/file-info.js';
import { type ByteRange, overlappingOf } from '../ranges/byte-range.js';
import type { RecoverContext } from './context.js';
import type { Intent } from './journal/content.js';
import { journalError } from './journal/journal-errors.js';
import { isZero } from './repair-unit.js';

/**
 * Under the repair lock, before the units of `runs` are looked at: strikes those intents, as open() does. They stay if
 * the machine went down: what that has left in a page proves nothing. Throws ERR_PMEM_JOURNAL, or what the flush of
 * the file says, with nothing changed.
 */
export async function strikeStoredOver(context: RecoverContext, runs: readonly ByteRange[]): Promise<void> {
  const { file, unsafe, journal } = context;
  const isOnePage = repairUnitBytes(file.facts) === file.facts.pageBytes;
  if (!isOnePage || journal.content.intents.length === 0 || journal.interruption !== 'over') return;
  const { intents } = journal.content;
  const storedOver = new Set<number>();
  for (const intent of intents.filter((each) => overlappingOf(runs, each).length > 0)) {
    const found = new Uint8Array(intent.length);
    const { errno, transferredBytes } = await file.pread(found, intent.offset);
    if (errno === 0 && transferredBytes === intent.length && isStoredOver(intent, found)) storedOver.add(intent.offset);
  }
  if (storedOver.size === 0) return;
  await flushWhole(file, unsafe, 'repair');
  const failure = await journal.update((content) => {
    return { ...content, intents: content.intents.filter(({ offset }) => !storedOver.has(offset)) };
  });
  if (failure !== undefined) throw journalError(journal, failure);
  unsafe.syncFromJournal(journal.content);
}

/**
 * The page was written whole before it could be read, or reset: it holds zeros, what its repair has written, and what
 * others have stored. A bare intent does not say what was written: if it gave up, the journal calls the page lost.
 */
function isStoredOver({ content }: Intent, found: Uint8Array): boolean {
  return content === undefined ? !isZero(found) : found.some((byte, i) => byte !== 0 && byte !== content[i]);
}
