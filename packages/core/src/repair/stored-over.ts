/**
 * Intents of repairs that are gone, whose page others have stored into since. Openers that know of no repair store into
 * a page as soon as it can be read: a repair that finished such an intent would write over what they have stored.
 */
import { PmemError } from '../errors/errors.js';
import { flushWhole } from '../faults/failed-flush.js';
import { repairUnitBytes } from '../opening/file-info.js';
import { type ByteRange, coalesce, overlappingOf } from '../ranges/byte-range.js';
import type { RecoverContext } from './context.js';
import type { Intent } from './journal/content.js';
import { journalError } from './journal/journal-errors.js';
import { isZero } from './repair-unit.js';

/**
 * Under the repair lock, before the units of `runs` are looked at: strikes those intents, as open() does. If the
 * machine went down in the repair, what such a page holds may be a torn write as well: only open() can tell, by the
 * times of the file. Throws ERR_PMEM_JOURNAL then, or if the journal cannot be replaced, or what the flush of the file
 * says, with nothing changed.
 */
export async function strikeStoredOver(context: RecoverContext, runs: readonly ByteRange[]): Promise<void> {
  const { file, unsafe, journal } = context;
  const { intents } = journal.content;
  if (intents.length === 0) return;
  const ranges = await storedOver(context, intents.filter((each) => overlappingOf(runs, each).length > 0));
  if (ranges.length === 0) return;
  if (journal.interruption !== 'over') throw undecided(file.facts.path, ranges);
  await flushWhole(file, unsafe, 'repair');
  const struck = new Set(ranges.map(({ offset }) => offset));
  const failure = await journal.update((content) => {
    return { ...content, intents: content.intents.filter(({ offset }) => !struck.has(offset)) };
  });
  if (failure !== undefined) throw journalError(journal, failure);
  unsafe.syncFromJournal(journal.content);
}

/** Under the repair lock: the units of `intents`, whose repairs are gone, that others have stored into since. */
export async function storedOver(
  { file, journal }: RecoverContext, intents: readonly Intent[],
): Promise<readonly ByteRange[]> {
  // Of several pages, those that were never bad say nothing of the write.
  if (journal.interruption === 'over' && repairUnitBytes(file.facts) !== file.facts.pageBytes) return [];
  const ranges: ByteRange[] = [];
  for (const intent of intents) {
    const { offset, length } = intent;
    const found = new Uint8Array(length);
    const { errno, transferredBytes } = await file.pread(found, offset);
    if (errno === 0 && transferredBytes === length && isStoredOver(intent, found)) ranges.push({ offset, length });
  }
  return ranges;
}

function undecided(path: string, ranges: readonly ByteRange[]): PmemError {
  const message =
    'the machine went down in a repair of these bytes: what they hold may be a torn write, or newer. Nothing was ' +
    'touched. Close the file and open it again, which ends that repair or asks';
  return new PmemError('ERR_PMEM_JOURNAL', message, { path, ranges: coalesce(ranges) });
}

/**
 * The page was written whole before it could be read, or reset: it holds zeros, what its repair has written, and what
 * others have stored. A bare intent does not say what was written: if it gave up, the journal calls the page lost.
 */
function isStoredOver({ content }: Intent, found: Uint8Array): boolean {
  return content === undefined ? !isZero(found) : found.some((byte, i) => byte !== 0 && byte !== content[i]);
}
