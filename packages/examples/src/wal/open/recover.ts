/** The changes that open() makes before the first record may be appended: it erases leftovers and fills mirrors. */
import type { CommitPoint } from '../format/commit-slot.js';
import { PAGE_BYTES, PAGE_HEADER_BYTES, isZero } from '../format/format.js';
import type { LogFile } from '../log-files.js';
import { damageReason, readPage, storeDurably } from '../log-files.js';
import type { Tail } from '../append/pending-records.js';
import type { LogFiles } from '../read/read-pages.js';
import { readBest, readCopy, readHeaderAt } from '../read/read-pages.js';
import { lastPageBefore, limitIn, pageOf } from '../format/ring.js';

/**
 * Erases what a crash in the middle of a commit has left after the commit point: the rest of the last page, and the
 * headers of later pages. After that, nothing that was never committed can be taken for a record, whatever is written
 * around it later. Pages that cannot be stored to are left; they cannot be read either, and repair empties them.
 */
export function eraseLeftovers(place: LogFiles, point: CommitPoint): void {
  const lastPage = lastPageBefore(point.endOffset);
  const inPage = point.endOffset % PAGE_BYTES;
  for (const logFile of place.logFiles) {
    if (inPage !== 0) {
      const position = place.ring.positionOf(lastPage);
      const page = new Uint8Array(PAGE_BYTES);
      const { damage } = readPage(logFile, position, page);
      if (damage !== undefined || !isZero(page.subarray(inPage))) {
        storeDurably(logFile, position + inPage, new Uint8Array(PAGE_BYTES - inPage));
      }
    }
    for (const position of place.ring.positionsFromEnd()) {
      const header = readHeaderAt(logFile, position);
      if (header?.logId === place.logId && header.pageNumber > lastPage) erasePage(logFile, position);
    }
  }
}

const FILL_BYTES = 64 * PAGE_BYTES;

/**
 * Stores zeros in every page of the ring, durably, so that the filesystem has given all of them a block that was
 * written: no later store meets a hole, which could find no space, or a block never written, which costs a transaction
 * of the filesystem. Pages that the medium refuses are left to repair(). Throws ERR_PMEM_NO_SPACE.
 */
export async function fillRing({ logFiles, ring }: LogFiles): Promise<void> {
  const zeros = new Uint8Array(FILL_BYTES);
  const [start, end] = [PAGE_BYTES, (ring.pageCount - 1) * PAGE_BYTES];
  for (const { file } of logFiles) {
    for (let position = start; position < end; position += FILL_BYTES) {
      unlessRefused(() => {
        file.write(zeros.subarray(0, Math.min(FILL_BYTES, end - position)), position);
      });
    }
    await file.persistAsync(start, end - start).catch((error: unknown) => {
      unlessRefused(() => {
        throw error;
      });
    });
  }
}

function unlessRefused(action: () => void): void {
  try {
    action();
  } catch (error) {
    const reason = damageReason(error);
    if (reason === undefined || reason === 'no-space') throw error;
  }
}

/** Takes the page headers away, so that no page of this life of the file can pass for one of the next. */
export function eraseEveryPage(place: LogFiles): void {
  for (const logFile of place.logFiles) {
    for (const position of place.ring.dataPositions()) erasePage(logFile, position);
  }
}

/** Returns the page that the next record goes into if it is begun and some file has it in full. */
export function loadTail(place: LogFiles, endOffset: number): Tail | undefined {
  const limitBytes = endOffset % PAGE_BYTES;
  if (limitBytes === 0) return undefined;
  const pageNumber = pageOf(endOffset);
  const { best } = readBest(place, pageNumber, limitBytes);
  if (best.parsed.state !== 'full') return undefined;
  best.image.fill(0, limitBytes);
  return { pageNumber, image: best.image };
}

/**
 * Copies every committed page from the first file to the second, and empties the second's other pages. A page that
 * the first file does not have in full arrives as far as it verifies.
 */
export function copyToMirror(place: LogFiles, point: CommitPoint): void {
  const [log, mirror] = place.logFiles as [LogFile, LogFile];
  for (const position of place.ring.positionsFromEnd()) {
    const pageNumber = place.ring.numberAt(position, point.headPage);
    const limitBytes = limitIn(pageNumber, point.endOffset);
    const image = new Uint8Array(PAGE_BYTES);
    if (limitBytes > 0) {
      const copy = readCopy(place, log, pageNumber, limitBytes);
      image.set(copy.image.subarray(0, copy.parsed.verifiedBytes));
    }
    storeDurably(mirror, position, image);
  }
}

function erasePage(logFile: LogFile, position: number): void {
  storeDurably(logFile, position, new Uint8Array(PAGE_HEADER_BYTES));
}
