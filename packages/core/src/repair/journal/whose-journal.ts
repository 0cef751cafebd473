/** Says whose a journal is: by the inode and birth time in it, by its own mark, and by who owns it. */
import type { FileFacts, FileIdentity, JournalOutcome } from '../../driver/driver.js';
import { Errno } from '../../errors/errno.js';
import { PmemError } from '../../errors/errors.js';
import { systemError } from '../../errors/system-error.js';
import { repairUnitBytes } from '../../opening/file-info.js';
import type { DecodedJournal } from './format.js';
import { decodeJournal } from './format.js';
import { absolutePlace, baseName, decodeMark, usualPlace } from './names.js';

/** Any user whom the user namespace of this process does not map: two of them need not be the same. */
const UNKNOWN_USER = -1;

/** Decodes what was read; a PmemError if it cannot be used. */
export function read(
  facts: FileFacts,
  outcome: Exclude<JournalOutcome, { readonly status: 'absent' }>,
  place = usualPlace(facts.path),
): PmemError | ReturnType<typeof decodeJournal> {
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

/** A directory, a link or a device has the name: no journal, whatever it leads to. */
export function isNoFile(outcome: JournalOutcome): boolean {
  if (outcome.status !== 'failed') return false;
  const { errno } = outcome.failure;
  return errno === Errno.ELOOP || errno === Errno.EISDIR || errno === Errno.EINVAL || errno === Errno.ENXIO;
}

export function isOf(
  facts: Pick<FileFacts, 'inode' | 'birthTimeNs' | 'filesystem'>, { identity }: DecodedJournal,
): boolean {
  const isSameInode = identity.inode === facts.inode || hasPassingInodes(facts);
  return isSameInode && identity.birthTimeNs === facts.birthTimeNs;
}

/** isOf() for another file of the same filesystem. Where no births are known, the inode alone has to do. */
export function isOfOther(
  { birthTimeNs, filesystem }: FileFacts, other: FileIdentity, journal: DecodedJournal,
): boolean {
  if (birthTimeNs === 0n) return journal.identity.inode === other.inode;
  return isOf({ ...other, filesystem }, journal);
}

/** FAT has no inodes: a file that is read in again gets another number. It keeps its birth, which no copy has. */
export function hasPassingInodes({ filesystem, birthTimeNs }: Pick<FileFacts, 'filesystem' | 'birthTimeNs'>): boolean {
  return (filesystem === 'vfat' || filesystem === 'exfat') && birthTimeNs !== 0n;
}

/**
 * An inode number tells the file from others, now and after the next mount. Filesystems that know no births and make up
 * the numbers (many of FUSE, SMB) give those of one file to another.
 */
export function isIdentified({ filesystem, birthTimeNs, keepsInodes = false }: FileFacts): boolean {
  return birthTimeNs !== 0n || filesystem === 'nfs' || filesystem === 'tmpfs' || keepsInodes;
}

/** Nothing that a journal says of its file tells it from another file after the next mount. */
export function makesUpInodes(facts: FileFacts): boolean {
  return facts.filesystem === 'fuse' && !isIdentified(facts);
}

/** For a file that names the journal: a sandbox that refuses statx(2), here or where it was written, knows no birth. */
export function isOfUnknownBirth({ inode, birthTimeNs }: FileFacts, { identity }: DecodedJournal): boolean {
  return identity.inode === inode && (identity.birthTimeNs === 0n || birthTimeNs === 0n);
}

/** Whoever may plant a file beside this one must not be able to write into it: only its owner and root are believed. */
export function isTrusted(facts: FileFacts, outcome: JournalOutcome, markedOwnerId?: number): boolean {
  if (outcome.status !== 'present' || outcome.ownerId === UNKNOWN_USER) return false;
  return outcome.ownerId === facts.ownerId || outcome.ownerId === 0 || outcome.ownerId === markedOwnerId;
}

export function writtenMsOf(outcome: JournalOutcome): number {
  return outcome.status === 'present' ? outcome.modifiedMs : 0;
}

/**
 * A snapshot of a filesystem has the same inodes and births: a journal that is not in it is the original's. And where a
 * file with a mark once was, a journal without one came with a copy of the file that was put there without attributes:
 * it keeps the losses of that copy, and goes on to do so.
 */
export function isOfCopy(place: string, outcome: JournalOutcome, journal: DecodedJournal): boolean {
  if (outcome.status !== 'present' || baseName(place) === place) return false;
  return outcome.isElsewhere === true || !isMarkedAsOriginal(outcome, journal);
}

export function isMarkedAsOriginal(outcome: JournalOutcome, { identity }: DecodedJournal): boolean {
  if (outcome.status !== 'present' || outcome.mark === undefined) return false;
  return identity.id !== undefined && decodeMark(outcome.mark)?.id === identity.id;
}

export function untrusted(facts: FileFacts, outcome: JournalOutcome, place: string): PmemError {
  const isUnknown = outcome.status === 'present' && outcome.ownerId === UNKNOWN_USER;
  const reason = isUnknown
    ? 'the user namespace of this process does not tell who owns it: open the file outside of it'
    : "it is owned neither by the file's owner nor by root";
  return refusal(facts, place, `${reason}; journal: 'discard' opens without it`);
}

export function refusal(
  facts: FileFacts, place: string, reason: string, cause?: unknown, ranges: PmemError['ranges'] = [],
): PmemError {
  const path = absolutePlace(facts.path, place);
  return new PmemError('ERR_PMEM_JOURNAL', `the repair journal cannot be used: ${reason}`, { path, cause, ranges });
}
