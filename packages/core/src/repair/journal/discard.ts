/** Removes journals that are not to be believed: of an earlier file of that name, or discarded by the application. */
import type { CompleteFile, SystemFailure } from '../../driver/driver.js';
import { Errno } from '../../errors/errno.js';
import type { UnsafeRanges } from '../../faults/unsafe-ranges.js';
import { repairUnitBytes } from '../../opening/file-info.js';
import { decodeJournal, JOURNAL_LIMIT_BYTES } from './format.js';
import { decodeMark, placeByInode, usualPlace } from './names.js';
import { writeMark } from './write-mark.js';

/**
 * A file that open() has just made has no losses. What is left at its name of a file before it is removed, if it is a
 * journal, and not the original of a file that may only have another name now.
 */
export async function clearStale(file: CompleteFile): Promise<void> {
  const { path, inode } = file.facts;
  const place = usualPlace(path);
  const outcome = await file.readJournal(place, JOURNAL_LIMIT_BYTES);
  if (outcome.status !== 'present') return;
  const decoded = decodeJournal(outcome.bytes, repairUnitBytes(file.facts));
  if (decoded.status === 'foreign') return;
  if (decoded.status === 'ok' && decoded.journal.identity.inode !== inode) {
    const { id } = decoded.journal.identity;
    if (id !== undefined && outcome.mark !== undefined && decodeMark(outcome.mark)?.id === id) return;
  }
  await file.removeJournal(place);
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
