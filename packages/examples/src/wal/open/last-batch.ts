/**
 * Judges the batch that was stored together with the commit point in force. It was acknowledged only after all of it
 * was durable in every file. So a page that can be read and does not hold its part proves that the batch was not
 * acknowledged; only pages that cannot be read leave that open. Reads; completeEveryFile() and bringUp() store.
 */
import type { CommitPoint } from '../format/commit-slot.js';
import { isCertain } from '../format/commit-slot.js';
import type { Fragment } from '../format/data-page.js';
import { PAGE_BYTES, eraMark, isZero } from '../format/format.js';
import type { LogFile, Role } from '../log-files.js';
import { storeDurably } from '../log-files.js';
import type { LogFiles, PageCopy } from '../read/read-pages.js';
import { readCopy } from '../read/read-pages.js';
import { lastPageBefore, limitIn, pageOf } from '../format/ring.js';

/** `whole`: every record verifies. `absent`: never acknowledged. `unknown`: what is missing lay in lost pages. */
export type BatchState = 'whole' | 'absent' | 'unknown';

/** Position of the reading in the batch: the record, and the byte of it, that come next. */
interface Cursor {
  readonly sequence: number;
  readonly offset: number;
}

/** Judges the last batch by the pages of all files. */
export function judgeLastBatch(place: LogFiles, point: CommitPoint): BatchState {
  let next: Cursor = { sequence: point.certainSequence + 1, offset: 0 };
  let isMissing = false;
  /** A page has been passed that cannot be read and that may have held what comes next. */
  let isExcused = false;
  for (const pageNumber of pagesOfLastBatch(point)) {
    const copies = copiesOf(place, point, pageNumber);
    for (const fragment of bestOf(copies).parsed.fragments) {
      if (fragment.sequence <= point.certainSequence || fragment.era !== eraMark(point.era)) continue;
      if (fragment.sequence > point.lastSequence) return 'absent';
      if (fragment.sequence !== next.sequence || fragment.offset !== next.offset) {
        if (!isExcused || !isAhead(fragment, next)) return 'absent';
        isMissing = true;
      }
      isExcused = false;
      next = behind(fragment);
    }
    const isNew = pageNumber < place.ring.dataPages;
    isExcused ||= !copies.some((copy) => testifies(copy, certainBytesIn(point, pageNumber), isNew));
  }
  if (next.sequence > point.lastSequence) return isMissing ? 'unknown' : 'whole';
  return isExcused ? 'unknown' : 'absent';
}

/**
 * Makes the pages of the last batch durable in every file that takes stores: what is certain lies in all files, unless
 * the medium has lost it. They are stored in the file that holds them, too: a process that was killed before its flush,
 * or whose flush failed, leaves bytes that can be read and that a power failure takes back.
 */
export function completeEveryFile(place: LogFiles, point: CommitPoint): void {
  for (const pageNumber of pagesToComplete(point)) {
    const copies = copiesOf(place, point, pageNumber);
    const best = bestOf(copies);
    const verified = best.image.subarray(0, best.parsed.verifiedBytes);
    const whole = new Uint8Array(PAGE_BYTES);
    whole.set(verified);
    for (const { logFile, parsed } of copies) {
      const position = place.ring.positionOf(pageNumber);
      const hasIt = parsed.verifiedBytes >= verified.length;
      if (!hasIt && best.parsed.state !== 'damaged') storeDurably(logFile, position, whole);
      if (hasIt && verified.length > 0 && !isCertain(point)) storeDurably(logFile, position, verified);
    }
  }
}

/**
 * Gives a file that has missed commit points the pages that the other one has in full and it has not. What the other
 * one has lost stays as it is.
 */
export function bringUp(place: LogFiles, older: Role, point: CommitPoint): void {
  const target = place.logFiles.find(({ role }) => role === older) as LogFile;
  const source = place.logFiles.find(({ role }) => role !== older) as LogFile;
  for (let pageNumber = point.headPage; pageNumber <= lastPageBefore(point.endOffset); pageNumber++) {
    const limitBytes = limitIn(pageNumber, point.endOffset);
    const { image, damage, parsed } = readCopy(place, source, pageNumber, limitBytes);
    if (damage !== undefined) continue;
    image.fill(0, parsed.verifiedBytes);
    const own = readCopy(place, target, pageNumber, limitBytes);
    const isEqual = own.damage === undefined && Buffer.compare(own.image, image) === 0;
    if (!isEqual) storeDurably(target, place.ring.positionOf(pageNumber), image);
  }
}

/** With the page before, if that is full now: a file from an earlier moment may lack its end. */
function* pagesToComplete(point: CommitPoint): Generator<number, void, undefined> {
  const before = lastPageBefore(point.certainOffset);
  if (before >= point.headPage && before < pageOf(point.certainOffset)) yield before;
  yield* pagesOfLastBatch(point);
}

function* pagesOfLastBatch({ certainOffset, endOffset }: CommitPoint): Generator<number, void, undefined> {
  for (let pageNumber = pageOf(certainOffset); pageNumber <= lastPageBefore(endOffset); pageNumber++) yield pageNumber;
}

function copiesOf(place: LogFiles, point: CommitPoint, pageNumber: number): PageCopy[] {
  return place.logFiles.map((logFile) => readCopy(place, logFile, pageNumber, limitIn(pageNumber, point.endOffset)));
}

function bestOf(copies: readonly PageCopy[]): PageCopy {
  return copies.reduce((best, copy) => (copy.parsed.verifiedBytes > best.parsed.verifiedBytes ? copy : best));
}

/** The bytes of a page that were durable before. */
function certainBytesIn({ certainOffset }: CommitPoint, pageNumber: number): number {
  return pageOf(certainOffset) === pageNumber ? certainOffset % PAGE_BYTES : 0;
}

/**
 * True if what this copy lacks was never made durable in its file. A copy that cannot be read proves nothing, and
 * neither does one without its certain part: what has destroyed that may have destroyed the rest. Zeros and nothing
 * else in a page that was written before are left by a program that has filled it.
 */
export function testifies({ damage, image, parsed }: PageCopy, certainBytes: number, isNew: boolean): boolean {
  const isRead = damage === undefined || damage.reason === 'damaged';
  return isRead && parsed.verifiedBytes >= certainBytes && (isNew || !isZero(image));
}

function isAhead({ sequence, offset }: Fragment, next: Cursor): boolean {
  return sequence > next.sequence || (sequence === next.sequence && offset > next.offset);
}

function behind({ sequence, offset, payload, recordBytes }: Fragment): Cursor {
  const end = offset + payload.length;
  return end >= recordBytes ? { sequence: sequence + 1, offset: 0 } : { sequence, offset: end };
}
