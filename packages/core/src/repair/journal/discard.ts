/** Removes journals that are not to be believed: of an earlier file of that name, or discarded by the application. */
import type { CompleteFile, JournalOutcome, SystemFailure } from '../../driver/driver.js';
import { Errno } from '../../errors/errno.js';
import type { UnsafeRanges } from '../../faults/unsafe-ranges.js';
import { repairUnitBytes } from '../../opening/file-info.js';
import type { DecodedJournal } from './format.js';
import { decodeJournal, JOURNAL_LIMIT_BYTES } from './format.js';
import { answered } from './located.js';
import { placeAside, placeByInode, temporaryName, usualPlace } from './names.js';
import { belongsBeside } from './search-folder.js';
import { isMarkedAsOriginal, isOf, makesUpInodes } from './whose-journal.js';
import { writeMark } from './write-mark.js';

/**
 * A file that open() has just made has no losses. What is left at its name of a file before it is removed, if it is a
 * journal, and not the original of a file that may only have another name now. Where nothing tells, it is set aside.
 */
export async function clearStale(file: CompleteFile): Promise<void> {
  const place = usualPlace(file.facts.path);
  const outcome = await file.readJournal(place, JOURNAL_LIMIT_BYTES);
  if (outcome.status !== 'present') return;
  const decoded = decodeJournal(outcome.bytes, repairUnitBytes(file.facts));
  if (decoded.status === 'foreign') return;
  if (decoded.status === 'ok' && (await isOfLivingFile(file, place, outcome, decoded.journal))) return;
  const aside = decoded.status === 'ok' ? placeAside(file.facts.path, decoded.journal.identity.id) : undefined;
  if (aside !== undefined && makesUpInodes(file.facts) && file.readMark().status === 'unsupported') {
    const temporary = temporaryName(file.facts.inode);
    const journal = { bytes: outcome.bytes, mark: new Uint8Array(0), temporary, isNew: true };
    if ((await file.writeJournal(aside, journal)) !== undefined) return;
  }
  await file.removeJournal(place);
}

/** The journal is of a file that only has another name now, and not of one that was removed. */
async function isOfLivingFile(
  file: CompleteFile, place: string, outcome: JournalOutcome, journal: DecodedJournal,
): Promise<boolean> {
  if (journal.identity.inode !== file.facts.inode && isMarkedAsOriginal(outcome, journal)) return true;
  if (file.readMark().status !== 'unsupported' || isOf(file.facts, journal)) return false;
  return answered(file, belongsBeside(file, place, journal));
}

/** Forgets the journal of a file: removes the mark, and the journal unless it may be another file's. Takes no lock. */
export async function discardJournal(file: CompleteFile, unsafe: UnsafeRanges): Promise<SystemFailure | undefined> {
  const marked = file.readMark().status === 'present';
  const failure = marked ? await writeMark(file, unsafe, new Uint8Array(0)) : undefined;
  if (failure !== undefined) return failure;
  const { path, inode } = file.facts;
  for (const place of [usualPlace(path), placeByInode(path, inode)]) {
    if (!(await isDiscardable(file, place))) continue;
    const kept = await file.removeJournal(place);
    // In a directory with the sticky bit another user's file stays; without a mark it has no say.
    if (kept !== undefined && kept.errno !== Errno.EPERM && kept.errno !== Errno.EACCES) return kept;
  }
  return undefined;
}

async function isDiscardable(file: CompleteFile, place: string): Promise<boolean> {
  const outcome = await file.readJournal(place, JOURNAL_LIMIT_BYTES);
  if (outcome.status !== 'present') return false;
  return decodeJournal(outcome.bytes, repairUnitBytes(file.facts)).status !== 'foreign';
}
