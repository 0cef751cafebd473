/**
 * Finds a journal that may be of this file, where neither a mark nor an inode number tells: on filesystems in user
 * space that make the numbers up and keep no attributes (sshfs). A journal whose file is in the folder is of that one.
 * If it is not, it has been renamed or removed: a file that holds zeros where the journal says that bytes were lost may
 * be it, and so may any in whose range a repair was cut off. A loss that others have stored into since is not seen.
 */
import type { ByteRange } from '../../ranges/byte-range.js';
import { intersectAll, rangeEnd } from '../../ranges/byte-range.js';
import type { CompleteFile } from '../../driver/driver.js';
import { isZero } from '../repair-unit.js';
import type { JournalContent } from './content.js';
import type { Located, NoJournal, Search } from './located.js';
import { readAt } from './located.js';
import { placeAside, usualPlace } from './names.js';
import { AMBIGUOUS, journalIn, journalsOf, namesBeside } from './search-folder.js';
import { isTrusted, refusal } from './whose-journal.js';

/** Bytes that are read at once: of a file with data nearly always enough. */
const PIECE_BYTES = 4096;

/** Returns `none`, or throws ERR_PMEM_JOURNAL: nothing tells this file from one that was removed. */
export function* searchOrphans(file: CompleteFile, none: NoJournal): Search<Located> {
  const { facts } = file;
  const names = yield* namesBeside(file);
  const taken = new Set(names.map((name) => usualPlace(name)));
  for (const place of journalsOf(names, none.place)) {
    if (taken.has(place) || taken.has(withoutInode(place))) continue;
    const outcome = yield* readAt(place);
    const journal = journalIn(file, place, outcome);
    if (journal === undefined || !isTrusted(facts, outcome)) continue;
    // It was set aside when this file was made, so it is of an earlier one.
    if (place === placeAside(facts.path, journal.identity.id)) continue;
    if (mayBeOf(file, journal)) throw refusal(facts, place, AMBIGUOUS);
  }
  return none;
}

/** The usual place of a file whose journal has the inode in its name, because another file had the usual one. */
function withoutInode(place: string): string {
  return place.replace(/-[0-9a-f]{1,16}(?=\.repair$)/, '');
}

function mayBeOf(file: CompleteFile, { lost, intents }: JournalContent): boolean {
  const whole = [{ offset: 0, length: file.mappedBytes }];
  if (intersectAll(intents, whole).length > 0) return true;
  return intersectAll(lost, whole).some((range) => holdsZeros(file, range));
}

/** True if it cannot be read. */
function holdsZeros(file: CompleteFile, range: ByteRange): boolean {
  const bytes = new Uint8Array(Math.min(PIECE_BYTES, range.length));
  for (let at = range.offset; at < rangeEnd(range); at += bytes.byteLength) {
    const piece = bytes.subarray(0, rangeEnd(range) - at);
    if (file.read(piece, at) === undefined && !isZero(piece)) return false;
  }
  return true;
}
