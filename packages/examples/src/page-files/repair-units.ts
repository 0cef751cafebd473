/** Making the units of bad pages usable again, all in one call of PmemFile.repair(), or two. */
import type { ByteRange, PmemFile, RepairReceipt } from '@safe-pmem/core';
import { RepairError, alignOut, coalesce, intersect, overlaps } from '@safe-pmem/core';

/** Of a page in the formats of the log and of the store: a repair unit holds one or several. */
const PAGE_BYTES = 4096;

/** A page with a media error, at `position` in its file. */
export interface BadPage {
  readonly position: number;
  /** The bytes that it has to hold; undefined if they are lost. */
  readonly bytes: Uint8Array | undefined;
}

/**
 * Repairs the units of all pages. If bytes are known for the whole unit, the repair itself puts them in place;
 * otherwise the lost bytes stay lost, and the caller stores the known pages of the unit. Returns by position why pages
 * are still bad. Throws what PmemFile.repair() throws, but no RepairError.
 */
export async function repairUnits(file: PmemFile, pages: readonly BadPage[]): Promise<Map<number, RepairError>> {
  const images = new Map(pages.map(({ position, bytes }) => [position, bytes]));
  const units = unitsOf(file, pages);
  const known = units.filter((unit) => pagesOf(unit).every((position) => images.get(position) !== undefined));
  const stillBad = new Map<number, RepairError>();
  for (const group of [known, units.filter((unit) => !known.includes(unit))]) {
    if (group.length === 0) continue;
    try {
      await file.repair(group, group === known ? { rebuild: (range) => bytesOf(images, range) } : {});
    } catch (error) {
      if (!(error instanceof RepairError)) throw error;
      const done = repairedIn(error.receipt);
      for (const { position } of pages) {
        const page = { offset: position, length: PAGE_BYTES };
        const isConcerned = group.some((unit) => overlaps(unit, page));
        if (isConcerned && !done.some((unit) => overlaps(unit, page))) stillBad.set(position, error);
      }
    }
  }
  return stillBad;
}

/** Returns the pages that are still bad after a repair that failed for some units. */
function repairedIn({ units }: RepairReceipt): ByteRange[] {
  return units.filter(({ outcome }) => outcome !== 'failed').map(({ range }) => range);
}

function unitsOf(file: PmemFile, pages: readonly BadPage[]): ByteRange[] {
  const { repairUnitBytes } = file.info();
  const touched = pages.map(({ position }) => alignOut({ offset: position, length: PAGE_BYTES }, repairUnitBytes));
  return coalesce(touched).flatMap(({ offset, length }) => {
    const count = length / repairUnitBytes;
    const starts = Array.from({ length: count }, (_, i) => offset + i * repairUnitBytes);
    const whole = { offset: 0, length: file.size };
    return starts.flatMap((start) => intersect({ offset: start, length: repairUnitBytes }, whole) ?? []);
  });
}

/** Positions of the pages in a range. */
function pagesOf({ offset, length }: ByteRange): number[] {
  const first = offset - (offset % PAGE_BYTES);
  return Array.from({ length: Math.ceil((offset + length - first) / PAGE_BYTES) }, (_, i) => first + i * PAGE_BYTES);
}

function bytesOf(images: ReadonlyMap<number, Uint8Array | undefined>, range: ByteRange): Uint8Array {
  const bytes = new Uint8Array(range.length);
  for (const position of pagesOf(range)) {
    const from = Math.max(position, range.offset);
    const to = Math.min(position + PAGE_BYTES, range.offset + range.length);
    const image = images.get(position) as Uint8Array;
    bytes.set(image.subarray(from - position, to - position), from - range.offset);
  }
  return bytes;
}
