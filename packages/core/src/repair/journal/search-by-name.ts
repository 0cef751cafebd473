/** Finds the journal of a file without a mark: by the name of the file, and by what the journals in its folder say. */
import type { CompleteFile } from '../../driver/driver.js';
import { PmemError } from '../../errors/errors.js';
import type { Located, NoJournal, Search } from './located.js';
import { readAt } from './located.js';
import { placeByInode, usualPlace } from './names.js';
import { belongsBeside, searchFolder } from './search-folder.js';
import { searchOrphans } from './search-orphans.js';
import {
  isMarkedAsOriginal, isNoFile, isOf, isTrusted, makesUpInodes, read, refusal, untrusted, writtenMsOf,
} from './whose-journal.js';

/** `isMarkable`: the filesystem keeps marks, so a file that has none has no journal but one at its own name. */
export function* searchByName(file: CompleteFile, isMarkable: boolean): Search<Located> {
  const { facts } = file;
  const place = usualPlace(facts.path);
  const elsewhere = placeByInode(facts.path, facts.inode);
  const outcome = yield* readAt(place);
  const none: NoJournal = { status: 'none', place, marked: false, isStale: false };
  // Only a file that open() has not just made may have had another name.
  const canBeMoved = !isMarkable && !facts.created;
  const searchBeside = makesUpInodes(facts) ? searchOrphans : searchFolder;
  if (outcome.status === 'absent') return canBeMoved ? yield* searchBeside(file, none) : none;
  const atInode = function* (): Search<Located> {
    const found = yield* searchElsewhere(file, elsewhere, none);
    return found.status === 'none' && canBeMoved ? yield* searchBeside(file, found) : found;
  };
  if (isNoFile(outcome) || (outcome.status === 'too-large' && isMarkable)) return yield* atInode();
  const found = read(facts, outcome);
  if (facts.created && (found instanceof PmemError || found.status === 'damaged')) return yield* atInode();
  if (found instanceof PmemError) throw found;
  // Without marks, what was cut to nothing may have been the journal, but not that of a file which has just been made.
  const isShort = outcome.status === 'present' && outcome.bytes.byteLength < 8;
  const isCutOff = isShort && !isMarkable && !facts.created;
  if (found.status === 'foreign' && isCutOff) throw refusal(facts, place, 'it has fewer bytes than any journal');
  if (found.status === 'foreign') return yield* atInode();
  if (found.status === 'damaged') throw refusal(facts, place, found.reason);
  const { journal } = found;
  const isOwn = isOf(facts, journal);
  // A file that open() has just made is nobody's copy, and is the only one that may have an older journal's name.
  const isOriginal = facts.created || isMarkedAsOriginal(outcome, journal);
  if (!isOwn && isOriginal) return yield* atInode();
  if (!isTrusted(facts, outcome)) throw untrusted(facts, outcome, place);
  if (isOwn && isMarkable && isMarkedAsOriginal(outcome, journal)) return { ...none, isStale: true };
  const writtenMs = writtenMsOf(outcome);
  if (isOwn) return { status: 'own', place, journal, writtenMs, marked: false };
  const own = yield* atInode();
  if (own.status === 'own') return own;
  if (canBeMoved && (yield* belongsBeside(file, place, journal))) return own;
  return { status: 'copied', place, journal, writtenMs, marked: false };
}

/** The usual name is taken by another file: ours, if there is one, is at the place that names the inode. */
function* searchElsewhere({ facts }: CompleteFile, place: string, none: NoJournal): Search<Located> {
  const outcome = yield* readAt(place);
  const nothing: NoJournal = { ...none, place };
  if (outcome.status === 'absent' || isNoFile(outcome)) return nothing;
  const found = read(facts, outcome);
  if (found instanceof PmemError) throw found;
  if (found.status === 'damaged') throw refusal(facts, place, found.reason);
  if (found.status === 'foreign' || !isOf(facts, found.journal)) return nothing;
  if (!isTrusted(facts, outcome)) throw untrusted(facts, outcome, place);
  return { status: 'own', place, journal: found.journal, writtenMs: writtenMsOf(outcome), marked: false };
}
