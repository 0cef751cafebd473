/**
 * Asks, before a journal is replaced or removed, if its name still leads to it. A repair may hold the lock for hours
 * while `rebuild` supplies bytes: log rotation gives file and journal other names meanwhile, and a new file of the old
 * name has a journal of its own there. The lock is that of the old file, and does not exclude users of the new one.
 */
import type { CompleteFile } from '../../driver/driver.js';
import { repairUnitBytes } from '../../opening/file-info.js';
import { decodeJournal, JOURNAL_LIMIT_BYTES } from './format.js';
import { placeByInode, usualPlace } from './names.js';
import { isOf, isOfUnknownBirth } from './whose-journal.js';

/** `ours`: the journal of this file, with this id if both have one. `taken`: another file has the name. */
export type AtPlace = 'ours' | 'taken' | 'absent';

/**
 * A file that its path still leads to has its journal beside it, and at a place that names the inode no other file has
 * one: only if neither is so is the journal read, on this thread, since a change of it must not be overtaken.
 */
export function whatIsAt(file: CompleteFile, place: string, id: string | undefined): AtPlace {
  const { facts } = file;
  if (place === placeByInode(facts.path, facts.inode)) return 'ours';
  if (place === usualPlace(facts.path)) {
    const names = file.names();
    if ('isAtPath' in names && names.isAtPath) return 'ours';
  }
  const outcome = file.readJournalSync(place, JOURNAL_LIMIT_BYTES);
  if (outcome.status === 'absent') return 'absent';
  if (outcome.status !== 'present') return 'taken';
  const decoded = decodeJournal(outcome.bytes, repairUnitBytes(facts));
  if (decoded.status !== 'ok') return 'taken';
  const { journal } = decoded;
  const isSame = id === undefined || journal.identity.id === undefined || journal.identity.id === id;
  return isSame && (isOf(facts, journal) || isOfUnknownBirth(facts, journal)) ? 'ours' : 'taken';
}
