/** Pages that faulted or were listed are asked again before they are believed to be bad: by pread, never by a load. */
import type { ByteRange } from '../ranges/byte-range.js';
import { wholeUnits } from '../ranges/whole-units.js';
import { coalesce, intersectAll, rangeEnd, subtract } from '../ranges/byte-range.js';
import { isHealthyPage } from './classify.js';
import type { CompleteFile } from '../driver/driver.js';
import type { UnsafeRanges } from './unsafe-ranges.js';
import type { JournalContent } from '../repair/journal/content.js';
import { EMPTY, settledBlank } from '../repair/journal/content.js';
import { locateSync } from '../repair/journal/locate.js';
import { nonZeroRuns, storedSince } from './stored-since.js';

/**
 * Forgets those media errors inside `within`, met here or listed when the list was read last, whose pages read well by
 * now or are gone from the file: another process has repaired, rewritten or cut off the file, or storage that did not
 * answer was taken for a bad medium. A pread on DAX consults the kernel's list and touches no poison. A filesystem that
 * does not answer changes nothing. `known`: those of them that are asked.
 */
export function forgetHealthy(
  file: CompleteFile, unsafe: UnsafeRanges, within: ByteRange,
  known = [...unsafe.metWithin(within), ...unsafe.listedWithin(within)],
): void {
  const { pageBytes } = file.facts;
  const healthy: ByteRange[] = [];
  for (const pages of wholeUnits(known, pageBytes)) {
    for (let offset = pages.offset; offset < rangeEnd(pages); offset += pageBytes) {
      if (isHealthyPage(file, offset)) healthy.push({ offset, length: pageBytes });
    }
  }
  if (healthy.length === 0) return;
  // A page that a repair here or elsewhere is writing may read well too, as zeros, and so may one whose bytes are lost. The
  // journal holds the intent before anything of the page changes, so it is read after the page, and needs no lock.
  const journal = readableJournal(file, true);
  if (journal === 'unreadable') return;
  learnLosses(unsafe, journal);
  unsafe.forgetMet(subtract(healthy, journal.intents));
  unsafe.forgetListed(subtract(healthy, [...journal.intents, ...unsafe.busy]));
}

/**
 * Takes over what the kernel lists of `within`. A page that it lists no longer was written since it was read last, by a
 * repair here or elsewhere that may not have ended, or that may have had nothing to write but zeros: so the journal is
 * asked, after the list, as above. What is being repaired (here: `busy`) stays closed; the next access asks again.
 */
export function takeOverListed(
  file: CompleteFile, unsafe: UnsafeRanges, within: ByteRange, listed: readonly ByteRange[], busy = unsafe.busy,
): void {
  const gone = subtract(unsafe.listedWithin(within), listed);
  unsafe.replaceListed(within, listed);
  if (gone.length === 0) return;
  const journal = readableJournal(file, true);
  if (journal === 'unreadable') {
    unsafe.addMet(gone);
    return;
  }
  learnLosses(unsafe, journal);
  unsafe.addMet(intersectAll(gone, [...journal.intents, ...busy]));
}

/** Not of pages that a repair here holds: it knows better than its record on disk, which is older. */
function learnLosses(unsafe: UnsafeRanges, journal: JournalContent): void {
  const known = coalesce([...unsafe.overwritten, ...unsafe.busy]);
  unsafe.addLost(subtract(journal.lost, known), subtract(settledBlank(journal), known));
}

/**
 * Lost bytes inside `within`, without those in which others have stored. `loaded`: what was just loaded of `within`;
 * without it the medium is asked. Either comes before the journal: a repair elsewhere has its intent there before it
 * changes anything, and what it writes must not be taken for data yet. No later load relies on it: the page may be
 * lost again.
 */
export function stillLost(
  file: CompleteFile, unsafe: UnsafeRanges, within: ByteRange, loaded?: Uint8Array,
): ByteRange[] {
  const lost = unsafe.lostWithin(within);
  const blank = subtract(unsafe.blankWithin(within), unsafe.busyWithin(within));
  if (blank.length === 0) return lost;
  const isStored = loaded === undefined ? storedSince(file, blank) : nonZeroRuns(loaded, within.offset);
  const stored = intersectAll(isStored, blank);
  if (stored.length === 0) return lost;
  const journal = readableJournal(file);
  if (journal === 'unreadable') return lost;
  const shown = intersectAll(stored, settledBlank(journal));
  unsafe.noteShown(shown);
  return subtract(lost, shown);
}

/** `settle`: pages will be stored to on its word, which must not be taken back by a power failure. */
function readableJournal(file: CompleteFile, settle = false): JournalContent | 'unreadable' {
  try {
    const located = locateSync(file);
    if (settle && located.status !== 'none' && !file.facts.readOnly) file.settleJournalSync(located.place);
    return located.status === 'none' ? EMPTY : located.journal;
  } catch {
    // The next open() says what is wrong with it. Until then nothing is believed to be healthy.
    return 'unreadable';
  }
}
