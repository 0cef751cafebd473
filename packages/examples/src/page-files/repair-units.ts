/** Making the units of bad pages usable again, all in one call of PmemFile.repair(), or two. */
import type { ByteRange, PmemFile, RepairReceipt } from '@safe-pmem/core';
import { RepairError, alignOut, coalesce, intersect } from '@safe-pmem/core';

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
  const isKnown = (unit: ByteRange): boolean => pagesOf(unit).every((position) => images.get(position) !== undefined);
  const known = units.filter(isKnown);
  const stillBad = new Map<number, RepairError>();
  for (const group of [known, known.length === units.length ? [] : units.filter((unit) => !isKnown(unit))]) {
    if (group.length === 0) continue;
    try {
      await file.repair(group, group === known ? { rebuild: (range) => bytesOf(images, range) } : {});
    } catch (error) {
      if (!(error instanceof RepairError)) throw error;
      const concerned = new Set(group.flatMap(pagesOf));
      for (const position of repairedIn(error.receipt).flatMap(pagesOf)) concerned.delete(position);
      for (const { position } of pages) if (concerned.has(position)) stillBad.set(position, error);
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
  const inPlace = bytesInPlace(images, range);
  if (inPlace !== undefined) return inPlace;
  const bytes = new Uint8Array(range.length);
  for (const position of pagesOf(range)) {
    const from = Math.max(position, range.offset);
    const to = Math.min(position + PAGE_BYTES, range.offset + range.length);
    const image = images.get(position) as Uint8Array;
    bytes.set(image.subarray(from - position, to - position), from - range.offset);
  }
  return bytes;
}

/** If the images lie one after the other in memory, as those of neighbours do that were read together: no copy. */
function bytesInPlace(
  images: ReadonlyMap<number, Uint8Array | undefined>, { offset, length }: ByteRange,
): Uint8Array | undefined {
  const first = images.get(offset);
  if (first === undefined || length % PAGE_BYTES !== 0) return undefined;
  for (let at = 0; at < length; at += PAGE_BYTES) {
    const image = images.get(offset + at);
    if (image?.buffer !== first.buffer || image.byteOffset !== first.byteOffset + at) return undefined;
  }
  return new Uint8Array(first.buffer, first.byteOffset, length);
}
