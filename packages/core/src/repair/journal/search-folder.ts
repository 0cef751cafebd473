/**
 * Finds the journal of a file that has got another name, on a filesystem that keeps no marks: every journal in the
 * folder of the file is read. A file that was moved to another folder does not find its own in this way.
 */
import type { CompleteFile, FileIdentity, JournalOutcome } from '../../driver/driver.js';
import { JOURNAL_SUFFIX } from '../../driver/driver.js';
import { Errno } from '../../errors/errno.js';
import { PmemError } from '../../errors/errors.js';
import { systemError } from '../../errors/system-error.js';
import type { DecodedJournal } from './format.js';
import type { JournalFound, Located, NoJournal, Search } from './located.js';
import { listFolder, readAt } from './located.js';
import { absolutePlace, isMadeAt } from './names.js';
import {
  hasPassingInodes, isIdentified, isNoFile, isOf, isOfOther, isTrusted, read, refusal, untrusted, writtenMsOf,
} from './whose-journal.js';

/** Why a journal that names this file is refused, where nothing tells this file from one that was removed. */
export const AMBIGUOUS =
  'it may be of this file, which has another name now, or of one that was removed: if it is of this file, rename it ' +
  'as well; if it is not, remove it';

const { EACCES, EPERM, ENOENT, ENOTDIR, EOPNOTSUPP }: Record<string, number> = Errno;
/** Errnos of a folder that cannot be listed, now or ever. */
const UNLISTED: ReadonlySet<number> = new Set([EACCES, EPERM, ENOENT, ENOTDIR, EOPNOTSUPP]);

/** Finds, at another file's name, the journal that names this file; `none` if there is none. */
export function* searchFolder(file: CompleteFile, none: NoJournal): Search<Located> {
  const { facts } = file;
  if (!isIdentified(facts)) return none;
  const names = yield* namesBeside(file);
  let own: JournalFound | undefined;
  for (const place of journalsOf(names, none.place)) {
    const outcome = yield* readAt(place);
    const journal = journalIn(file, place, outcome);
    if (journal === undefined || !isOf(facts, journal)) continue;
    const whose = whoseOf(file, names, place, journal);
    if (whose === 'another') continue;
    if (!isTrusted(facts, outcome)) throw untrusted(facts, outcome, place);
    if (whose === 'unknown') throw refusal(facts, place, AMBIGUOUS);
    const found: JournalFound = { status: 'own', place, journal, writtenMs: writtenMsOf(outcome), marked: false };
    // Of several, the others have been left behind.
    if (own === undefined || found.writtenMs > own.writtenMs) own = found;
  }
  return own ?? none;
}

/**
 * True if `journal`, found at the name of this file, is that of a file which has another name in this folder now. A
 * copy of that file's journal was made at another name.
 */
export function* belongsBeside(file: CompleteFile, place: string, journal: DecodedJournal): Search<boolean> {
  if (!isIdentified(file.facts) || !isMadeAt(place, journal.identity.id)) return false;
  const names = yield* namesBeside(file);
  return others(file, names).some(({ identity }) => isOfOther(file.facts, identity, journal));
}

/** The names in the folder of the file; none if it cannot be listed by this user. */
export function* namesBeside({ facts }: CompleteFile): Search<readonly string[]> {
  const outcome = yield* listFolder();
  if ('names' in outcome) return outcome.names;
  const { errno } = outcome.failure;
  // Then the places that follow from the name are all that can be asked.
  if (UNLISTED.has(errno)) return [];
  throw systemError('cannot look for the repair journal', outcome.failure, { path: facts.path });
}

export function journalsOf(names: readonly string[], except: string): readonly string[] {
  return names.filter((name) => name.endsWith(JOURNAL_SUFFIX) && name !== except);
}

/** Undefined for what is no journal that can be read. */
export function journalIn({ facts }: CompleteFile, place: string, outcome: JournalOutcome): DecodedJournal | undefined {
  if (outcome.status === 'absent' || outcome.status === 'too-large' || isNoFile(outcome)) return undefined;
  // One that this user may not read is of another user's file.
  if (outcome.status === 'failed' && [EACCES, EPERM].includes(outcome.failure.errno)) return undefined;
  const found = read(facts, outcome, place);
  if (!(found instanceof PmemError)) return found.status === 'ok' ? found.journal : undefined;
  if (outcome.status === 'failed') throw found;
  return undefined;
}

function whoseOf(
  file: CompleteFile, names: readonly string[], place: string, journal: DecodedJournal,
): 'own' | 'another' | 'unknown' {
  const { facts } = file;
  const named = place.slice(0, -JOURNAL_SUFFIX.length);
  if (hasPassingInodes(facts)) {
    // Births are told to 10 ms: files that were made together have the same.
    const equals = others(file, names).filter(({ identity }) => isOfOther(facts, identity, journal));
    if (equals.some(({ name }) => name === named)) return 'another';
    return equals.length === 0 ? 'own' : 'unknown';
  }
  if (facts.birthTimeNs !== 0n) return 'own';
  // An inode number is given again once its file is removed.
  return identify(file, named)?.inode === facts.inode ? 'own' : 'unknown';
}

/** All but the file itself: by its number, for FAT gives it under a name in other letters as well. */
function others(file: CompleteFile, names: readonly string[]): { name: string; identity: FileIdentity }[] {
  return names.flatMap((name) => {
    const identity = identify(file, name);
    return identity === undefined || identity.inode === file.facts.inode ? [] : [{ name, identity }];
  });
}

function identify(file: CompleteFile, name: string): FileIdentity | undefined {
  const outcome = file.identify(name);
  if (outcome === undefined || !('failure' in outcome)) return outcome;
  const path = absolutePlace(file.facts.path, name);
  throw systemError('cannot look for the repair journal', outcome.failure, { path });
}
