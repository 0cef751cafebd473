/** Puts records that come from outside of the log back where they were, page by page. */
import { FillingPage } from '../append/filling-page.js';
import type { Gap, MissingPiece } from './find-gaps.js';
import { FRAGMENT_HEADER_BYTES, LEAST_ROOM_BYTES, PAGE_BYTES } from '../format/format.js';
import type { CommitPoint } from '../format/commit-slot.js';
import type { Damage, LogFile } from '../log-files.js';
import { storeDurably } from '../log-files.js';
import type { LogFiles } from '../read/read-pages.js';
import { readBest, readCopy } from '../read/read-pages.js';
import { limitIn, pageOf } from '../format/ring.js';

/** Whole records by sequence number, from wherever the application keeps another copy. */
export type Records = ReadonlyMap<number, Uint8Array>;

/** A page that was stored, or that has refused. */
export interface StoredPage {
  readonly logFile: LogFile;
  readonly position: number;
  readonly damage: Damage | undefined;
}

/**
 * Returns the pages of a gap with its records in them, or undefined if `records` does not hold every missing one,
 * contradicts what is left of them, or does not fit. Records are cut into fragments as they were when they were
 * appended. Those at the end of the gap of which it is unknown whether they ever were may be missing.
 */
export function pagesOfGap(place: LogFiles, point: CommitPoint, gap: Gap, records: Records): FillingPage[] | undefined {
  // A checkpoint may have dropped the records meanwhile, and their pages may have been used again.
  if (!agrees(gap, records) || pageOf(gap.start) < point.headPage) return undefined;
  const pages = beginning(place, point, gap);
  for (const piece of withoutDoubtfulEnd(gap.pieces, point, records)) {
    const payload = records.get(piece.sequence);
    if (pages === undefined || payload === undefined || !addPiece(pages, place, gap, piece, payload)) return undefined;
  }
  return pages;
}

/** Stores the pages in every file that does not have them in full. */
export function storeGap(place: LogFiles, point: CommitPoint, pages: readonly FillingPage[]): StoredPage[] {
  return pages.flatMap(({ pageNumber, image }) => {
    const position = place.ring.positionOf(pageNumber);
    return place.logFiles
      .filter((logFile) => !isFull(place, logFile, pageNumber, point))
      .map((logFile) => ({ logFile, position, damage: storeDurably(logFile, position, image) }));
  });
}

function isFull(place: LogFiles, logFile: LogFile, pageNumber: number, point: CommitPoint): boolean {
  return readCopy(place, logFile, pageNumber, limitIn(pageNumber, point.endOffset)).parsed.state === 'full';
}

function withoutDoubtfulEnd(
  pieces: readonly MissingPiece[], { doubtful }: CommitPoint, records: Records,
): readonly MissingPiece[] {
  const isNeeded = ({ sequence }: MissingPiece): boolean =>
    records.has(sequence) || doubtful === undefined || sequence < doubtful.first || sequence > doubtful.last;
  const last = pieces.findLastIndex(isNeeded);
  return last === -1 ? pieces : pieces.slice(0, last + 1);
}

/** Every witness says the same as the record: a record is put together from one source or from none. */
function agrees({ witnesses }: Gap, records: Records): boolean {
  return witnesses.every(({ sequence, recordBytes, offset, payload }) => {
    const record = records.get(sequence);
    if (record === undefined) return true;
    const part = record.subarray(offset, offset + payload.length);
    return record.length === recordBytes && Buffer.compare(part, payload) === 0;
  });
}

/** The page that the gap begins in the middle of, as far as it verifies. */
function beginning(place: LogFiles, point: CommitPoint, { start }: Gap): FillingPage[] | undefined {
  const usedBytes = start % PAGE_BYTES;
  if (usedBytes === 0) return [];
  const { best } = readBest(place, pageOf(start), limitIn(pageOf(start), point.endOffset));
  if (best.parsed.verifiedBytes !== usedBytes) return undefined;
  best.image.fill(0, usedBytes);
  return [FillingPage.continue(pageOf(start), best.image, place.era, usedBytes)];
}

function addPiece(pages: FillingPage[], place: LogFiles, gap: Gap, piece: MissingPiece, payload: Uint8Array): boolean {
  const to = piece.to ?? payload.length;
  if (piece.from > payload.length || to > payload.length) return false;
  let offset = piece.from;
  do {
    let page = pages.at(-1);
    if (page === undefined || page.roomBytes < LEAST_ROOM_BYTES) {
      const pageNumber = page === undefined ? pageOf(gap.start) : page.pageNumber + 1;
      const header = { logId: place.logId, pageNumber, firstSequence: piece.sequence };
      page = FillingPage.open(header, new Uint8Array(PAGE_BYTES), place.era);
      pages.push(page);
    }
    const length = Math.min(to - offset, page.roomBytes - FRAGMENT_HEADER_BYTES);
    const part = payload.subarray(offset, offset + length);
    page.add(piece.sequence, payload.length, offset, part);
    if (page.pageNumber * PAGE_BYTES + page.to > gap.end) return false;
    offset += length;
  } while (offset < to);
  return true;
}
