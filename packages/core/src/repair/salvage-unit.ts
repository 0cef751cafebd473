/**
 * What a suspect unit still holds, and whether anything is wrong with it.
 *
 * Every unit is asked by pread(2) before a byte of it is called lost: what was met once may have been a passing
 * trouble, the poison of one mapping, or repaired since.
 */
import type { FileBadBlock } from '../rescue/bad-blocks.js';
import type { ByteRange } from '../ranges/byte-range.js';
import {
  coalesce, intersect, intersectAll, overlappingOf, rangeBetween, rangeEnd, subtract,
} from '../ranges/byte-range.js';
import { isMediaErrno } from '../faults/classify.js';
import type { CompleteFile, Transfer } from '../driver/driver.js';
import { Errno } from '../errors/errno.js';
import { publishFailure } from '../errors/events.js';
import { systemError } from '../errors/system-error.js';
import { nonZeroRuns } from '../faults/stored-since.js';
import type { UnsafeRanges } from '../faults/unsafe-ranges.js';
import { truncated } from './file-size.js';
import type { ReadRoom } from './read-room.js';
import { type FoundUnit, NOTHING, type UnitPlace } from './repair-unit.js';
import { weightierErrno } from './strategy.js';
import type { UnitContents } from './unit-contents.js';
import { isMappingRefused, remapUnits } from './verify-units.js';

/** The scene in which units are prepared: the file, its size now, and the kernel's list for this part of it. */
export interface PrepareScene {
  readonly file: CompleteFile;
  readonly unsafe: UnsafeRanges;
  readonly fileSizeBytes: number;
  readonly blocks: readonly FileBadBlock[];
  readonly room: ReadRoom;
}

/** One for thousands of units that nothing is gone of. */
const NONE: readonly ByteRange[] = [];

/** The pages of `data`, each of which is read by itself. */
export function pagesOf(data: ByteRange, pageBytes: number): ByteRange[] {
  if (data.length <= pageBytes) return [data];
  const pages: ByteRange[] = [];
  for (let at = data.offset; at < rangeEnd(data); at += pageBytes) {
    pages.push(rangeBetween(at, Math.min(at + pageBytes, rangeEnd(data))));
  }
  return pages;
}

/**
 * Takes over what the unit still holds: `reads` are those of its pages into `found`. Undefined if the unit needs
 * nothing. `supplied`: its lost bytes are to get others. Throws ERR_PMEM_TRUNCATED or what the system call says.
 */
export function salvageUnit(
  scene: PrepareScene,
  { unit, data }: UnitPlace,
  found: Uint8Array,
  reads: readonly Transfer[],
  contents: UnitContents,
  supplied: boolean,
): FoundUnit | undefined {
  const { unsafe } = scene;
  const listing = listingOf(scene.blocks, data);
  const read = readOf(scene, data, found, reads);
  if (!unsafe.isUntold(data.offset, data.length)) {
    return salvageKnown(scene, { unit, data }, found, { ...listing, ...read }, contents, supplied);
  }
  const { gone, readErrno } = read;
  if (gone.length === 0 && !listing.listed && readErrno === 0) return undefined;
  const lost = gone.length > 1 ? coalesce(gone) : gone;
  return foundUnit({ unit, data }, listing, readErrno, contents.keep(data, found, lost), lost);
}

/** The kernel's list, as far as it is about a unit. */
type Listing = Pick<FoundUnit, 'shared' | 'listed' | 'mayBeHuge'>;

/** The outcome of reading a unit's pages. */
interface PagesRead {
  /** The pages that the medium cannot give. */
  readonly gone: readonly ByteRange[];
  /** The errno that said so: of a page that the kernel holds back, if there is one. */
  readonly readErrno: number;
}

/** salvageUnit() of a unit of which more is known than the kernel's list: losses, errors met, a repair cut off. */
function salvageKnown(
  scene: PrepareScene,
  place: UnitPlace,
  found: Uint8Array,
  known: Listing & PagesRead,
  contents: UnitContents,
  supplied: boolean,
): FoundUnit | undefined {
  const { unsafe } = scene;
  const { unit, data } = place;
  const { gone, readErrno, listed } = known;
  const lostEarlier = unsafe.lostWithin(data);
  const unitOf = (content: Uint8Array, lost: readonly ByteRange[], holdsOthers = false): FoundUnit => {
    return foundUnit(place, known, readErrno, content, lost, holdsOthers);
  };
  const unfinished = unsafe.unfinishedAt(data.offset);
  if (unfinished !== undefined && unfinished.content === undefined) {
    // Whatever it reads as by now: its repair may have stopped anywhere.
    return unitOf(contents.keep(data, found, [data]), [data]);
  }
  if (unfinished?.content !== undefined) {
    // What its repair wanted to put there, and of what was appended since, what is there.
    const isAppended = data.length > unfinished.length;
    const pages = isAppended ? [...lostEarlier, ...gone].filter((page) => rangeEnd(page) > rangeEnd(unfinished)) : [];
    const gaps = coalesce(pages.flatMap((page) => afterEnd(page, rangeEnd(unfinished))));
    found.set(unfinished.content.subarray(0, data.length), 0);
    const allLost = coalesce([...lostEarlier, ...gaps]);
    return unitOf(contents.keep(data, found, allLost), allLost);
  }
  const blank = subtract(unsafe.blankWithin(data), gone);
  const stored = blank.length === 0 ? [] : intersectAll(nonZeroRuns(found, data.offset), blank);
  if (supplied && subtract(stored, unsafe.shownWithin(data)).length > 0) return unitOf(NOTHING, lostEarlier, true);
  const lostBefore = subtract(lostEarlier, stored);
  if (gone.length === 0 && !listed && readErrno === 0) {
    if (unsafe.hasMet(data) && !isMappedWell(scene, unit, data)) {
      // The bytes are there, but this mapping cannot give them: written once more, they get a page of their own.
      return unitOf(contents.keep(data, found, lostBefore), lostBefore);
    }
    if (lostEarlier.length === 0 || !supplied) return undefined;
  }
  const allLost = coalesce([...lostBefore, ...gone]);
  return unitOf(contents.keep(data, found, allLost), allLost);
}

/** Field by field: a spread of thousands of units is a tenth of the repair. */
function foundUnit(
  { unit, data }: UnitPlace,
  { shared, listed, mayBeHuge }: Listing,
  readErrno: number,
  content: Uint8Array,
  lost: readonly ByteRange[],
  holdsOthers = false,
): FoundUnit {
  return { unit, data, content, lost, shared, listed, mayBeHuge, readErrno, holdsOthers };
}

function listingOf(blocks: readonly FileBadBlock[], data: ByteRange): Listing {
  let shared = false;
  let mayBeHuge = false;
  const bad = overlappingOf(blocks, data);
  for (const block of bad) {
    shared ||= block.shared;
    mayBeHuge ||= block.mayBeHuge;
  }
  return { shared, listed: bad.length > 0, mayBeHuge };
}

function readOf(scene: PrepareScene, data: ByteRange, found: Uint8Array, reads: readonly Transfer[]): PagesRead {
  let gone: readonly ByteRange[] = NONE;
  let readErrno = 0;
  const pages = pagesOf(data, scene.file.facts.pageBytes);
  for (let i = 0; i < pages.length; i++) {
    const page = pages[i] as ByteRange;
    const read = reads[i] as Transfer;
    if (read.errno === 0 && read.transferredBytes === page.length) continue;
    const errno = mediaErrno(scene.file, read, page);
    readErrno = weightierErrno(readErrno, errno);
    const isAll = page.length === found.length;
    const part = isAll ? found : found.subarray(page.offset - data.offset, rangeEnd(page) - data.offset);
    // Most units are one page: an array that grows has room for seventeen.
    if (!loadsFromBefore(scene, page, part, errno)) gone = gone === NONE ? [page] : [...gone, page];
  }
  return { gone, readErrno };
}

/** The errno of a read that failed, if it speaks of the medium. Throws for everything else: nothing is touched then. */
function mediaErrno(file: CompleteFile, { errno, transferredBytes }: Transfer, page: ByteRange): number {
  const { facts } = file;
  const { path } = facts;
  if (errno === 0 && transferredBytes < page.length) {
    throw publishFailure(path, truncated(file, [page]));
  }
  if (isMediaErrno(errno, facts)) return errno;
  throw systemError('cannot repair', { errno, syscall: 'pread' }, { path, ranges: [page] });
}

/**
 * A page that was mapped before the kernel learned of its bad block may still give its bytes: one load under the guard,
 * unless an access has already met the error, or the kernel holds the page back after a machine check.
 */
function loadsFromBefore(
  { file, unsafe }: PrepareScene, page: ByteRange, target: Uint8Array, readErrno: number,
): boolean {
  if (readErrno !== Errno.EIO || rangeEnd(page) > file.mappedBytes) return false;
  if (unsafe.hasMet(page) || unsafe.unfinishedAt(page.offset) !== undefined) return false;
  return file.read(target, page.offset) === undefined;
}

/**
 * Maps the unit once more and loads it once. True, and no longer remembered as bad, if that works. Throws if the kernel
 * refuses to map the file: to write bytes that are there once more would not help then.
 */
function isMappedWell({ file, unsafe }: PrepareScene, unit: ByteRange, data: ByteRange): boolean {
  const mapped = intersect(data, rangeBetween(0, file.mappedBytes));
  if (mapped === undefined) return true;
  const unmapped = remapUnits(file, unit);
  const isRefused = unmapped !== undefined && isMappingRefused(unmapped);
  if (unmapped !== undefined && !isRefused) return false;
  if (file.read(new Uint8Array(mapped.length), mapped.offset) !== undefined) {
    if (!isRefused) return false;
    throw systemError('cannot repair: its bytes are there, but no fresh mapping of them can be had', unmapped, {
      path: file.facts.path, ranges: [data],
    });
  }
  unsafe.forgetMet([data]);
  return true;
}

function afterEnd(page: ByteRange, end: number): ByteRange[] {
  const start = Math.max(page.offset, end);
  return start < rangeEnd(page) ? [rangeBetween(start, rangeEnd(page))] : [];
}
