/** The header copies of the files: finding the commit point in force, and storing the next one in every copy. */
import type { CommitPoint } from '../format/commit-slot.js';
import { encodeSlot, newest, slotOffset } from '../format/commit-slot.js';
import type { CopyPoints, HeaderState, LogHeader } from '../format/header-page.js';
import { decodeHeaderPage, encodeHeaderPage } from '../format/header-page.js';
import { MAGIC, PAGE_BYTES, SLOT_BYTES } from '../format/format.js';
import type { Damage, LogFile } from '../log-files.js';
import { damageOf, readExisting, readPage, storeDurably } from '../log-files.js';
import type { Ring } from '../format/ring.js';

/** The state of the two header copies of one file. */
export interface Inspection {
  readonly logFile: LogFile;
  /** `valid` if at least one copy verifies; `unreadable` if none does and at least one cannot be read. */
  readonly status: HeaderState['status'] | 'unreadable';
  readonly header: LogHeader | undefined;
  /** The newest commit point of the copies; undefined if none verifies. */
  readonly commitPoint: CommitPoint | undefined;
  readonly version: number | undefined;
}

/** Reads both header copies of a file; what was cut off counts as zeros. Changes nothing. */
export function inspect(logFile: LogFile, ring: Ring): Inspection {
  const states: (HeaderState | { readonly status: 'unreadable' })[] = [];
  for (const position of ring.headerPositions) {
    const bytes = new Uint8Array(PAGE_BYTES);
    states.push(readExisting(logFile, position, bytes) ? decodeHeaderPage(bytes) : { status: 'unreadable' });
  }
  const valid = states.filter((state) => state.status === 'valid');
  const other = states.find((state) => state.status === 'other-version');
  const order = ['valid', 'other-version', 'foreign', 'unreadable', 'damaged', 'blank'] as const;
  return {
    logFile,
    status: order.find((status) => states.some((state) => state.status === status)) ?? 'blank',
    header: valid[0]?.header,
    commitPoint: newest(valid.map((state) => state.commitPoint)),
    version: other?.version,
  };
}

/** Counts the copies that hold a commit point durably, and names those that do not. */
export interface CommitPointStore {
  readonly stored: number;
  readonly missing: readonly Damage[];
}

/**
 * Stores `point` in every copy, one after the other, so that a crash finds each with its old point or the new one. Of
 * a copy that is of this log only slots are written; any other, such as one that a crash has cut off, is written whole,
 * and its header line last: until that is there, it names no point.
 */
export function refreshHeaders(
  logFiles: readonly LogFile[],
  ring: Ring,
  header: LogHeader,
  point: CommitPoint,
): CommitPointStore {
  const page = encodeHeaderPage(header, point);
  return inEveryCopy(logFiles, ring, (logFile, position) => {
    const copy = readCopyOf(logFile, position, header);
    if (!('reason' in copy) && (copy.commitPoint?.generation ?? 0) <= point.generation) {
      return storeInSlots(logFile, position, header, copy, point);
    }
    return (
      storeDurably(logFile, position + SLOT_BYTES, page.subarray(SLOT_BYTES)) ??
      storeDurably(logFile, position, page.subarray(0, SLOT_BYTES))
    );
  });
}

/**
 * Brings a copy that may have missed commit points up to `point`, the one in force, if it has not got it. Returns the
 * damage if it cannot be read or stored to, or is no copy of this log: only a repair brings that back.
 */
export function catchUp(
  logFile: LogFile, position: number, header: LogHeader, point: CommitPoint,
): Damage | undefined {
  const copy = readCopyOf(logFile, position, header);
  return 'reason' in copy ? copy : storeInSlots(logFile, position, header, copy, point);
}

function readCopyOf(logFile: LogFile, position: number, header: LogHeader): CopyPoints | Damage {
  const bytes = new Uint8Array(PAGE_BYTES);
  const { damage } = readPage(logFile, position, bytes);
  if (damage !== undefined) return damage;
  const state = decodeHeaderPage(bytes);
  return state.status === 'valid' && isOf(state.header, header) ? state : damageOf(logFile, position, 'damaged');
}

/**
 * Stores `point` where its generation belongs. What the copy names must be durable before a slot is written over: a
 * process that was killed, or a flush that failed, leaves a point that can be read and that a power failure takes
 * back. So the newest one is stored once more. If it lies where `point` goes, the other slot gets that first: a power
 * failure would leave an older one than the copy had, and that would be in force if no other copy could be read.
 */
function storeInSlots(
  logFile: LogFile, position: number, header: LogHeader, { slots, commitPoint }: CopyPoints, point: CommitPoint,
): Damage | undefined {
  const store = (at: number, stored: CommitPoint): Damage | undefined =>
    storeDurably(logFile, position + at, encodeSlot(header.logId, stored));
  const own = slotOffset(point.generation);
  const other = slotOffset(point.generation + 1);
  if (commitPoint === undefined) return store(own, point);
  const isInOwn = slots[point.generation % 2]?.generation === commitPoint.generation;
  if (!isInOwn) return store(other, commitPoint) ?? store(own, point);
  if (commitPoint.generation === point.generation) return store(own, point);
  return store(own, commitPoint) ?? store(other, point) ?? store(own, point);
}

/** Writes new header pages, the magic word last: until it is there, the file counts as not formatted. */
export function writeHeaders(
  logFiles: readonly LogFile[],
  ring: Ring,
  header: LogHeader,
  point: CommitPoint,
): CommitPointStore {
  const page = encodeHeaderPage(header, point);
  const unsigned = page.slice();
  unsigned.fill(0, 0, MAGIC.length);
  return inEveryCopy(
    logFiles,
    ring,
    (logFile, position) =>
      storeDurably(logFile, position, unsigned) ?? storeDurably(logFile, position, page.subarray(0, MAGIC.length)),
  );
}

/**
 * Marks files that are about to be filled with a copy of the log: header pages without the magic word, so that no start
 * takes them for a log, and one that goes on after a crash knows whose pages these are.
 */
export function beginCopies(logFiles: readonly LogFile[], ring: Ring, header: LogHeader): void {
  const page = encodeHeaderPage(header, undefined);
  page.fill(0, 0, MAGIC.length);
  inEveryCopy(logFiles, ring, (logFile, position) => storeDurably(logFile, position, page));
}

/** True if a file holds nothing but an unfinished copy of this log. */
export function isBegun(logFile: LogFile, ring: Ring, header: LogHeader): boolean {
  return ring.headerPositions.some((position) => {
    const bytes = new Uint8Array(PAGE_BYTES);
    if (!readExisting(logFile, position, bytes) || decodeHeaderPage(bytes).status !== 'blank') return false;
    bytes.set(MAGIC, 0);
    const state = decodeHeaderPage(bytes);
    return state.status === 'valid' && isOf(state.header, header);
  });
}

function isOf(found: LogHeader, header: LogHeader): boolean {
  return found.logId === header.logId && found.pageCount === header.pageCount;
}

function inEveryCopy(
  logFiles: readonly LogFile[],
  ring: Ring,
  store: (logFile: LogFile, position: number) => Damage | undefined,
): CommitPointStore {
  const missing: Damage[] = [];
  for (const logFile of logFiles) {
    for (const position of ring.headerPositions) {
      const damage = store(logFile, position);
      if (damage !== undefined) missing.push(damage);
    }
  }
  return { stored: logFiles.length * ring.headerPositions.length - missing.length, missing };
}

/**
 * True if a header page is of this log and names this commit point, maybe beside that of an attempt that was refused: a
 * repair of it would store over the point, and if no flush of that succeeds, a power failure may leave none.
 */
export function holds(bytes: Uint8Array, header: LogHeader, point: CommitPoint): boolean {
  const state = decodeHeaderPage(bytes);
  return (
    state.status === 'valid' &&
    isOf(state.header, header) &&
    state.slots.some((slot) => slot?.generation === point.generation)
  );
}
