/**
 * Finds the journal of an open file. A journal belongs to an inode, not to a name: files are renamed, linked, rotated
 * and copied, and other files take their names. Three things are compared: the mark of the file (an attribute that
 * moves with the inode), the inode and birth time written in a journal, and the mark that a journal has on itself.
 *
 * | file has | found | verdict |
 * |---|---|---|
 * | a mark | the journal with that id, naming this inode | own |
 * | a mark | the journal with that id, naming another inode | copied (cp -a, mv to another filesystem) |
 * | a mark | the journal with that id, naming this inode, on another filesystem | copied (a snapshot, an image) |
 * | a mark | the journal with that id, naming this inode, in another folder, without a mark | copied (it is a copy's) |
 * | a mark | no such journal | refused: what was lost cannot be told any more |
 * | no mark | a journal naming this inode, marked as the original | not in force: the mark comes before any change, and goes first |
 * | no mark | a journal naming this inode, without a mark | own (version 1, or a filesystem without attributes) |
 * | no mark | on FAT, a journal of another inode number and the same birth | own |
 * | no mark | a journal of another inode, marked as the original | another file's: left alone |
 * | no mark | a journal of another inode, without a mark | copied (cp, tar, a container layer) |
 * | no mark | anything else | not a journal: left alone |
 */
import type { CompleteFile, FileFacts, JournalOutcome, MarkOutcome } from '../../driver/driver.js';
import { Errno } from '../../errors/errno.js';
import { PmemError } from '../../errors/errors.js';
import { repairUnitBytes } from '../../opening/file-info.js';
import { systemError } from '../../errors/system-error.js';
import type { DecodedJournal } from './format.js';
import { decodeJournal, JOURNAL_LIMIT_BYTES } from './format.js';
import type { Mark } from './names.js';
import { absolutePlace, baseName, decodeMark, placeByInode, usualPlace } from './names.js';

/** Any user whom the user namespace of this process does not map: two of them need not be the same. */
const UNKNOWN_USER = -1;

/** The file has none; `place` is where it would be. */
export interface NoJournal {
  readonly status: 'none';
  readonly place: string;
  readonly marked: false;
  /** One lies there that is not in force: its mark was not set yet, or is gone already. */
  readonly isStale: boolean;
}

export interface JournalFound {
  readonly status: 'own' | 'copied';
  readonly place: string;
  readonly journal: DecodedJournal;
  /** When it was written, by the clock of the filesystem. */
  readonly writtenMs: number;
  /** The file has a mark that names this journal. */
  readonly marked: boolean;
}

export type Located = NoJournal | JournalFound;

type Written = Exclude<Located, NoJournal>;

/** Yields the places to read and takes their contents. `gone`: the mark names a journal that is nowhere. */
type Search = Generator<string, Located | 'gone', JournalOutcome>;

export async function locate(file: CompleteFile): Promise<Located> {
  for (let mark = file.readMark(); ; mark = markNow(file, mark)) {
    const search = searchWith(file.facts, mark);
    let next = search.next();
    while (next.done !== true) next = search.next(await file.readJournal(next.value, JOURNAL_LIMIT_BYTES));
    if (next.value !== 'gone') return next.value;
  }
}

/** locate() on this thread. */
export function locateSync(file: CompleteFile): Located {
  for (let mark = file.readMark(); ; mark = markNow(file, mark)) {
    const search = searchWith(file.facts, mark);
    let next = search.next();
    while (next.done !== true) next = search.next(file.readJournalSync(next.value, JOURNAL_LIMIT_BYTES));
    if (next.value !== 'gone') return next.value;
  }
}

/** Whoever ends a repair removes the mark, then the journal: a mark that was read before may be gone with it. */
function markNow(file: CompleteFile, before: MarkOutcome): MarkOutcome {
  const mark = file.readMark();
  const isSame = before.status === 'present' && mark.status === 'present' && Buffer.compare(before.bytes, mark.bytes) === 0;
  if (!isSame) return mark;
  const place = decodeMark(mark.bytes)?.path ?? usualPlace(file.facts.path);
  throw refusal(file.facts, place, 'the file is marked as having one, and it is gone: put it back beside the file');
}

function searchWith(facts: FileFacts, outcome: MarkOutcome): Search {
  const place = usualPlace(facts.path);
  if (outcome.status === 'failed') {
    const cause = systemError('cannot read the mark', outcome.failure, { path: facts.path });
    throw refusal(facts, place, 'the mark of the file cannot be read', cause);
  }
  if (outcome.status !== 'present') return searchByName(facts, place, outcome.status === 'absent');
  const mark = decodeMark(outcome.bytes);
  if (mark === undefined) throw refusal(facts, place, 'the file has a mark that cannot be understood');
  return searchByMark(facts, mark);
}

function* searchByMark(facts: FileFacts, mark: Mark): Search {
  let obstacle: PmemError | undefined;
  let copied: Located | undefined;
  let own: Written | undefined;
  for (const place of placesOf(facts, mark)) {
    const outcome = yield place;
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
    const isOwn = !isOfCopy(place, outcome, journal) && (isOf(facts, journal) || isOfUnknownBirth(facts, journal));
    const located: Written = {
      status: isOwn ? 'own' : 'copied', place, journal, writtenMs: writtenMsOf(outcome), marked: true,
    };
    if (!isOwn) copied ??= located;
    // Of several, as after `cp -al`, the others have been left behind.
    else if (own === undefined || located.writtenMs > own.writtenMs) own = located;
  }
  const found = own ?? copied;
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

function* searchByName(facts: FileFacts, place: string, isMarkable: boolean): Search {
  const outcome = yield place;
  const none: NoJournal = { status: 'none', place, marked: false, isStale: false };
  if (outcome.status === 'absent') return none;
  const elsewhere = placeByInode(facts.path, facts.inode);
  if (isNoFile(outcome) || (outcome.status === 'too-large' && isMarkable)) return yield* searchElsewhere(facts, elsewhere, none);
  const found = read(facts, outcome);
  if (facts.created && (found instanceof PmemError || found.status === 'damaged')) return yield* searchElsewhere(facts, elsewhere, none);
  if (found instanceof PmemError) throw found;
  // Without marks, what was cut to nothing may have been the journal, but not that of a file which has just been made.
  const isShort = outcome.status === 'present' && outcome.bytes.byteLength < 8;
  const isCutOff = isShort && !isMarkable && !facts.created;
  if (found.status === 'foreign' && isCutOff) throw refusal(facts, place, `it has only ${outcome.bytes.byteLength} bytes`);
  if (found.status === 'foreign') return yield* searchElsewhere(facts, elsewhere, none);
  if (found.status === 'damaged') throw refusal(facts, place, found.reason);
  const { journal } = found;
  const isOwn = isOf(facts, journal);
  // A file that open() has just made is nobody's copy, and is the only one that may have an older journal's name.
  const isOriginal = facts.created || isMarkedAsOriginal(outcome, journal);
  if (!isOwn && isOriginal) return yield* searchElsewhere(facts, elsewhere, none);
  if (!isTrusted(facts, outcome)) throw untrusted(facts, outcome, place);
  if (isOwn && isMarkable && isMarkedAsOriginal(outcome, journal)) return { ...none, isStale: true };
  const writtenMs = writtenMsOf(outcome);
  if (isOwn) return { status: 'own', place, journal, writtenMs, marked: false };
  const own = yield* searchElsewhere(facts, elsewhere, none);
  return own !== 'gone' && own.status === 'own' ? own : { status: 'copied', place, journal, writtenMs, marked: false };
}

/** The usual name is taken by another file: ours, if there is one, is at the place that names the inode. */
function* searchElsewhere(facts: FileFacts, place: string, none: NoJournal): Search {
  const outcome = yield place;
  const nothing: Located = { ...none, place };
  if (outcome.status === 'absent' || isNoFile(outcome)) return nothing;
  const found = read(facts, outcome);
  if (found instanceof PmemError) throw found;
  if (found.status === 'damaged') throw refusal(facts, place, found.reason);
  if (found.status === 'foreign' || !isOf(facts, found.journal)) return nothing;
  if (!isTrusted(facts, outcome)) throw untrusted(facts, outcome, place);
  return { status: 'own', place, journal: found.journal, writtenMs: writtenMsOf(outcome), marked: false };
}

/** A directory, a link or a device has the name: no journal, whatever it leads to. */
function isNoFile(outcome: JournalOutcome): boolean {
  if (outcome.status !== 'failed') return false;
  const { errno } = outcome.failure;
  return errno === Errno.ELOOP || errno === Errno.EISDIR || errno === Errno.EINVAL || errno === Errno.ENXIO;
}

function read(
  facts: FileFacts,
  outcome: Exclude<JournalOutcome, { readonly status: 'absent' }>,
): PmemError | ReturnType<typeof decodeJournal> {
  const place = usualPlace(facts.path);
  if (outcome.status === 'failed') {
    const path = absolutePlace(facts.path, place);
    const cause = systemError('cannot read the repair journal', outcome.failure, { path });
    // It says nothing about the journal, which `journal: 'discard'` must not forget for it.
    return cause.code === 'ERR_PMEM_TOO_MANY_FILES' ? cause : refusal(facts, place, 'it cannot be read', cause);
  }
  if (outcome.status === 'too-large') return refusal(facts, place, `it has ${outcome.sizeBytes} bytes`);
  const decoded = decodeJournal(outcome.bytes, repairUnitBytes(facts));
  if (decoded.status === 'damaged' && decoded.range !== undefined) {
    return refusal(facts, place, decoded.reason, undefined, [decoded.range]);
  }
  return decoded;
}

function isOf(facts: FileFacts, { identity }: DecodedJournal): boolean {
  const isSameInode = identity.inode === facts.inode || hasPassingInodes(facts);
  return isSameInode && identity.birthTimeNs === facts.birthTimeNs;
}

/** FAT has no inodes: a file that is read in again gets another number. It keeps its birth, which no copy has. */
function hasPassingInodes({ filesystem, birthTimeNs }: FileFacts): boolean {
  return (filesystem === 'vfat' || filesystem === 'exfat') && birthTimeNs !== 0n;
}

/** For a file that names the journal: a sandbox that refuses statx(2), here or where it was written, knows no birth. */
function isOfUnknownBirth({ inode, birthTimeNs }: FileFacts, { identity }: DecodedJournal): boolean {
  return identity.inode === inode && (identity.birthTimeNs === 0n || birthTimeNs === 0n);
}

/** Whoever may plant a file beside this one must not be able to write into it: only its owner and root are believed. */
function isTrusted(facts: FileFacts, outcome: JournalOutcome, markedOwnerId?: number): boolean {
  if (outcome.status !== 'present' || outcome.ownerId === UNKNOWN_USER) return false;
  return outcome.ownerId === facts.ownerId || outcome.ownerId === 0 || outcome.ownerId === markedOwnerId;
}

function writtenMsOf(outcome: JournalOutcome): number {
  return outcome.status === 'present' ? outcome.modifiedMs : 0;
}

/**
 * A snapshot of a filesystem has the same inodes and births: a journal that is not in it is the original's. And where a
 * file with a mark once was, a journal without one came with a copy of the file that was put there without attributes: it
 * keeps the losses of that copy, and goes on to do so.
 */
function isOfCopy(place: string, outcome: JournalOutcome, journal: DecodedJournal): boolean {
  if (outcome.status !== 'present' || baseName(place) === place) return false;
  return outcome.isElsewhere === true || !isMarkedAsOriginal(outcome, journal);
}

function isMarkedAsOriginal(outcome: JournalOutcome, { identity }: DecodedJournal): boolean {
  if (outcome.status !== 'present' || outcome.mark === undefined) return false;
  return identity.id !== undefined && decodeMark(outcome.mark)?.id === identity.id;
}

function untrusted(facts: FileFacts, outcome: JournalOutcome, place: string): PmemError {
  const isUnknown = outcome.status === 'present' && outcome.ownerId === UNKNOWN_USER;
  const reason = isUnknown
    ? 'the user namespace of this process does not tell who owns it: open the file outside of it'
    : "it is owned neither by the file's owner nor by root";
  return refusal(facts, place, `${reason}; journal: 'discard' opens without it`);
}

function refusal(
  facts: FileFacts, place: string, reason: string, cause?: unknown, ranges: PmemError['ranges'] = [],
): PmemError {
  const path = absolutePlace(facts.path, place);
  return new PmemError('ERR_PMEM_JOURNAL', `the repair journal cannot be used: ${reason}`, { path, cause, ranges });
}
