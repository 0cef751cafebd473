/**
 * Finds the journal of an open file. A journal belongs to an inode, not to a name: files are renamed, linked, rotated
 * and copied, and other files take their names. Three things are compared: the mark of the file (an attribute that
 * moves with the inode), the inode and birth time written in a journal, and the mark that a journal has on itself.
 *
 * | file has | found | verdict |
 * |---|---|---|
 * | a mark | the journal with that id, naming this inode | own |
 * | a mark | the journal with that id, naming another inode | copied (cp -a, mv to another filesystem) |
 * | a mark | the same, where the mark leads to, and written since the file was made, or in the same tick of the filesystem's clock | refused: it is the original's |
 * | a mark | the journal with that id, naming this inode, on another filesystem | copied (a snapshot, an image) |
 * | a mark | the journal with that id, naming this inode, in another folder, without a mark | copied (it is a copy's) |
 * | a mark | on FUSE with made-up inode numbers, the journal with that id, where it was made, at another name or naming another inode | refused unless adopted |
 * | a mark | no such journal | refused: what was lost cannot be told any more |
 * | no mark | a journal naming this inode, marked as the original | not in force: the mark comes before any change, and goes first |
 * | no mark | a journal naming this inode, without a mark | own (version 1, or a filesystem without attributes) |
 * | no mark | on FAT, a journal of another inode number and the same birth | own |
 * | no mark | a journal of another inode, marked as the original | another file's: left alone |
 * | no mark | a journal of another inode, without a mark | copied (cp, tar, a container layer) |
 * | no mark | anything else | not a journal: left alone |
 *
 * And on a filesystem that keeps no marks, where the name of the file leads to no journal of its own:
 *
 * | in the folder, at another file's name | verdict |
 * |---|---|
 * | a journal naming this inode and birth | own: the file has been renamed |
 * | one naming this inode, no births are kept, and its name leads to this file as well | own: a hard link |
 * | one naming this inode, no births are kept | refused: it may be of a file that was removed |
 * | on FAT, one of the same birth, and no other file has it | own |
 * | on FAT, one of the same birth, and the file of that name has it | another file's |
 * | on FAT, one of the same birth, and other files have it | refused: it may be of any of them |
 * | on FUSE with made-up inode numbers, one whose file is not there, and this file has zeros where it says lost | refused |
 *
 * There, a journal at the name of this file is another file's, and no copy's, if its file is in the folder and the
 * journal was made at that name.
 */
import type { CompleteFile, MarkOutcome } from '../../driver/driver.js';
import { systemError } from '../../errors/system-error.js';
import type { Located, Search } from './located.js';
import { answered, answeredSync } from './located.js';
import { decodeMark, usualPlace } from './names.js';
import { searchByMark } from './search-by-mark.js';
import { searchByName } from './search-by-name.js';
import { refusal } from './whose-journal.js';

export async function locate(file: CompleteFile): Promise<Located> {
  for (let mark = file.readMark(); ; mark = markNow(file, mark)) {
    const found = await answered(file, searchWith(file, mark));
    if (found !== 'gone') return found;
  }
}

/** locate() on this thread. */
export function locateSync(file: CompleteFile): Located {
  for (let mark = file.readMark(); ; mark = markNow(file, mark)) {
    const found = answeredSync(file, searchWith(file, mark));
    if (found !== 'gone') return found;
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

function searchWith(file: CompleteFile, outcome: MarkOutcome): Search<Located | 'gone'> {
  const { facts } = file;
  const place = usualPlace(facts.path);
  if (outcome.status === 'failed') {
    const cause = systemError('cannot read the mark', outcome.failure, { path: facts.path });
    throw refusal(facts, place, 'the mark of the file cannot be read', cause);
  }
  if (outcome.status !== 'present') return searchByName(file, outcome.status === 'absent');
  const mark = decodeMark(outcome.bytes);
  if (mark === undefined) throw refusal(facts, place, 'the file has a mark that cannot be understood');
  return searchByMark(facts, mark);
}
