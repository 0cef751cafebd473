/**
 * Which bad pages keep an end of the file from being moved. Two dangers: the kernel zeroes the rest of the page that
 * an end falls into, and what is cut off goes to the next file that asks for a block.
 *
 * A page that the kernel holds back after a machine check is out of its memory map. It zeroes such a page all the same
 * and oopses (measured on ext4 of 6.12, in dax_zero_range), and so does the write of the file that gets it next. No
 * list has to know of the page, and another process may have met the error: so both ends are asked by pread.
 */
import { alignOut, coalesce, intersectAll, overlappingOf, rangeBetween, type ByteRange } from '../ranges/byte-range.js';
import { isMediaErrno } from '../faults/classify.js';
import type { CompleteFile } from '../driver/driver.js';
import { clearAbility, repairUnitBytes } from '../opening/file-info.js';
import { isHeldBack } from '../repair/strategy.js';
import { readOn } from '../rescue/read-on.js';

export interface Cut {
  readonly sizeBytes: number;
  readonly newSizeBytes: number;
  /** Bad pages and blocks that are known, by the kernel or from accesses of this process. */
  readonly bad: readonly ByteRange[];
  /** Bad blocks may go back to free space. */
  readonly allowRelease: boolean;
}

/** What a move of the end may not touch: known before, and found now by pread. */
export interface RefusedCut {
  readonly known: readonly ByteRange[];
  readonly found: readonly ByteRange[];
}

export async function refusedCuts(file: CompleteFile, cut: Cut): Promise<RefusedCut> {
  const { sizeBytes, newSizeBytes, bad, allowRelease } = cut;
  const { facts } = file;
  const ends = unitsCutThrough(file, [sizeBytes, newSizeBytes]);
  const known = intersectAll(bad, ends);
  if (!facts.dax) return { known, found: [] };
  if (newSizeBytes < sizeBytes && !allowRelease) {
    const released = rangeBetween(newSizeBytes, sizeBytes);
    const inReleased = intersectAll(bad, [released]);
    known.push(...(clearAbility(facts) === 'yes' ? await heldBackAmong(file, inReleased) : inReleased));
  }
  const unasked = ends.filter((unit) => overlappingOf(known, unit).length === 0);
  return { known: coalesce(known), found: await unreadableAmong(file, unasked) };
}

/** The units that an end inside of them would have zeroed in part, and that pread cannot give. Only DAX is asked. */
export async function unreadableCuts(file: CompleteFile, ends: readonly number[]): Promise<ByteRange[]> {
  return file.facts.dax ? unreadableAmong(file, unitsCutThrough(file, ends)) : [];
}

function unitsCutThrough({ facts }: CompleteFile, ends: readonly number[]): ByteRange[] {
  const unitBytes = repairUnitBytes(facts);
  const inside = ends.filter((end) => end % unitBytes !== 0);
  return coalesce(inside.map((end) => alignOut({ offset: end, length: 1 }, unitBytes)));
}

async function unreadableAmong(file: CompleteFile, ranges: readonly ByteRange[]): Promise<ByteRange[]> {
  const unreadable: ByteRange[] = [];
  for (const page of pagesOf(file, ranges)) {
    if (isMediaErrno(await readErrno(file, page), file.facts)) unreadable.push(page);
  }
  return unreadable;
}

async function heldBackAmong(file: CompleteFile, ranges: readonly ByteRange[]): Promise<ByteRange[]> {
  const heldBack: ByteRange[] = [];
  for (const page of pagesOf(file, ranges)) if (isHeldBack(await readErrno(file, page))) heldBack.push(page);
  return heldBack;
}

async function readErrno(file: CompleteFile, page: ByteRange): Promise<number> {
  return (await readOn(file, new Uint8Array(page.length), page.offset)).errno;
}

function pagesOf({ facts: { pageBytes } }: CompleteFile, ranges: readonly ByteRange[]): ByteRange[] {
  return coalesce(ranges.map((range) => alignOut(range, pageBytes))).flatMap(({ offset, length }) => {
    const count = length / pageBytes;
    return Array.from({ length: count }, (_, i) => ({ offset: offset + i * pageBytes, length: pageBytes }));
  });
}
