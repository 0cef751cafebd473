/** Finds the journal that the mark of a file names. */
import type { FileFacts } from '../../driver/driver.js';
import { PmemError } from '../../errors/errors.js';
import type { JournalFound, Located, Search } from './located.js';
import { readAt } from './located.js';
import type { Mark } from './names.js';
import { absolutePlace, baseName, placeByInode, usualPlace } from './names.js';
import {
  isOf, isOfCopy, isOfUnknownBirth, isTrusted, makesUpInodes, read, refusal, untrusted, writtenMsOf,
} from './whose-journal.js';

/** The times that a filesystem stamps on two files may be taken for each other by no more than this. */
const CLOCK_MS = 1;

/** Why a journal that may be of this file or of its original is not believed unasked. */
const UNTOLD =
  'this filesystem gives its files other inode numbers at each mount, so it may be of this file, or of one that this ' +
  "is a copy of. journal: 'adopt' takes it for this file's, 'discard' takes zeros for data";

/** `gone`: the mark names a journal that is nowhere. */
export function* searchByMark(facts: FileFacts, mark: Mark): Search<Located | 'gone'> {
  let obstacle: PmemError | undefined;
  let copied: Located | undefined;
  let doubtful: Located | undefined;
  let own: JournalFound | undefined;
  for (const place of placesOf(facts, mark)) {
    const outcome = yield* readAt(place);
    if (outcome.status === 'absent') continue;
    const found = read(facts, outcome);
    if (found instanceof PmemError || found.status !== 'ok') {
      if (found instanceof PmemError) obstacle ??= found;
      else if (found.status === 'damaged') obstacle ??= refusal(facts, place, found.reason);
      continue;
    }
    const { journal } = found;
    if (journal.identity.id !== mark.id) continue;
    if (!isTrusted(facts, outcome, mark.ownerId)) {
      obstacle ??= untrusted(facts, outcome, place);
      continue;
    }
    const isToldByName = makesUpInodes(facts);
    const isOfFile = isOf(facts, journal) || isOfUnknownBirth(facts, journal);
    const isOwn = isOfFile && !isOfCopy(place, outcome, journal) && !(isToldByName && place !== usualPlace(facts.path));
    const located: JournalFound = {
      status: isOwn ? 'own' : 'copied', place, journal, writtenMs: writtenMsOf(outcome), marked: true,
    };
    if (!isOwn && isToldByName && isWhereMarked(facts, mark, place)) {
      doubtful ??= { ...located, doubt: refusal(facts, place, UNTOLD) };
    } else if (!isOwn && isChangedSince(facts, mark, located)) obstacle ??= changedSince(facts, place);
    else if (!isOwn) copied ??= located;
    // Of several, as after `cp -al`, the others have been left behind.
    else if (own === undefined || located.writtenMs > own.writtenMs) own = located;
  }
  const found = own ?? copied ?? doubtful;
  if (found !== undefined) return found;
  if (obstacle !== undefined) throw obstacle;
  return 'gone';
}

/** Beside the file, and where the mark leads to if that is elsewhere. */
function placesOf(facts: FileFacts, mark: Mark): Iterable<string> {
  const beside = [usualPlace(facts.path), placeByInode(facts.path, facts.inode), baseName(mark.path)];
  const isBeside = beside.some((place) => absolutePlace(facts.path, place) === mark.path);
  return new Set(isBeside ? beside : [...beside, mark.path]);
}

/**
 * A copy that came without its journal has the mark of its original, which leads to a journal that goes on: a loss that
 * the original has no longer is one of the copy still. A file without a time of birth may be older than it is.
 */
function isChangedSince(facts: FileFacts, mark: Mark, { place, journal, writtenMs }: JournalFound): boolean {
  const isOfOriginal = isWhereMarked(facts, mark, place) && journal.identity.inode !== facts.inode;
  return isOfOriginal && writtenMs > Number(facts.birthTimeNs) / 1e6 - CLOCK_MS;
}

function isWhereMarked(facts: FileFacts, mark: Mark, place: string): boolean {
  return absolutePlace(facts.path, place) === mark.path;
}

function changedSince(facts: FileFacts, place: string): PmemError {
  const reason =
    'it is that of the file which this one is a copy of, and was changed since: what was lost when the copy was made ' +
    "cannot be told any more. Copy file and journal together; journal: 'discard' takes zeros for data";
  return refusal(facts, place, reason);
}
