/** The names of journals, of their temporary files and of the marks of their files. */
import { createHash, randomBytes } from 'node:crypto';
import { JOURNAL_SUFFIX } from '../../driver/driver.js';

/** NAME_MAX of Linux, in bytes. */
const NAME_BYTES_MAX = 255;

/** Longest path that is written into a mark; ext4 keeps an attribute of this size in one block. */
const MARK_PATH_BYTES_MAX = 1024;

/** The usual place: `<name>.repair`. A name too long for that is cut and gets a digest of the whole in its place. */
export function usualPlace(path: string): string {
  return withEnding(baseName(path), JOURNAL_SUFFIX);
}

/** The place if the usual one is taken by a file that is not ours: it tells files apart that had one name in turn. */
export function placeByInode(path: string, inode: bigint): string {
  return withEnding(baseName(path), `-${inode.toString(16)}${JOURNAL_SUFFIX}`);
}

/**
 * The place of a journal that was found where a new file is made, if it may be of one that has another name by now.
 * Undefined for journals of older builds, which have no id.
 */
export function placeAside(path: string, id: string | undefined): string | undefined {
  return id === undefined ? undefined : withEnding(baseName(path), `-${id}${JOURNAL_SUFFIX}`);
}

/** Absolute path of a place beside the file at `path`. */
export function absolutePlace(path: string, place: string): string {
  const isAbsolute = lastSeparator(place, path) >= 0;
  return isAbsolute ? place : path.slice(0, lastSeparator(path, path) + 1) + place;
}

/** In the directory of the journal. One a file, so that what a crash leaves is used again and not left for good. */
export function temporaryName(inode: bigint): string {
  return `${JOURNAL_SUFFIX}-${inode.toString(16)}.tmp`;
}

export function baseName(path: string): string {
  return path.slice(lastSeparator(path, path) + 1);
}

/**
 * Of `text`, by the rules of the system that `path`, an absolute path, is one of: on Windows it begins with a drive or
 * a server, and elsewhere a backslash is a letter of a name.
 */
function lastSeparator(text: string, path: string): number {
  const isWindows = /^(?:[A-Za-z]:|\\\\)/.test(path);
  return Math.max(text.lastIndexOf('/'), isWindows ? text.lastIndexOf('\\') : -1);
}

/**
 * Makes the id of a new journal at `place`. Its second half tells the name at which the journal was made, which a copy
 * of it in the same folder cannot have.
 */
export function newJournalId(place: string): string {
  return randomBytes(8).toString('hex') + nameDigest(place);
}

/** True if the journal was made at this name; false as well if an older build made it. */
export function isMadeAt(place: string, id: string | undefined): boolean {
  return id?.endsWith(nameDigest(place)) === true;
}

function nameDigest(place: string): string {
  return createHash('sha256').update(baseName(place)).digest('hex').slice(0, 16);
}

/** The mark of a file: which journal is its own, who owns that journal, and where it was written. */
export interface Mark {
  readonly id: string;
  readonly ownerId: number;
  /** Absolute path, or only the name if the path is very long. */
  readonly path: string;
}

export function encodeMark({ id, ownerId, path }: Mark): Uint8Array {
  const written = Buffer.byteLength(path) > MARK_PATH_BYTES_MAX ? baseName(path) : path;
  return Buffer.from(`1 ${id} ${ownerId} ${written}`, 'utf8');
}

/** Undefined if the attribute holds something else. */
export function decodeMark(bytes: Uint8Array): Mark | undefined {
  const text = Buffer.from(bytes).toString('utf8');
  const [, id, ownerId, path] = /^1 ([0-9a-f]{32}) (\d{1,10}) ([^\0]+)$/.exec(text) ?? [];
  if (id === undefined || ownerId === undefined || path === undefined) return undefined;
  return { id, ownerId: Number(ownerId), path };
}

function withEnding(name: string, ending: string): string {
  if (Buffer.byteLength(name) + ending.length <= NAME_BYTES_MAX) return name + ending;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 16);
  let kept = name;
  // By characters: half a character of UTF-8 would make another name of it.
  while (Buffer.byteLength(kept) + digest.length + ending.length + 1 > NAME_BYTES_MAX) kept = kept.slice(0, -1);
  return `${kept}-${digest}${ending}`;
}
