/** Commit points and the slots that hold them: encoding, and what a slot has to pass before it is believed. */
import { crc32 } from './crc32.js';
import {
  FRAGMENT_HEADER_BYTES, NEAR_SLOTS, PAGE_BYTES, PAGE_HEADER_BYTES, SEQUENCE_MAX, SLOT_BYTES, SLOT_MARKER,
  getUint64, setUint64, viewOf,
} from './format.js';
import { lastPageBefore } from './ring.js';

/** Records `first` … `last`, both included. */
export interface SequenceRange {
  readonly first: number;
  readonly last: number;
}

/** A commit point: everything that recovery needs to know about the ring. */
export interface CommitPoint {
  readonly generation: number;
  readonly era: number;
  readonly headPage: number;
  readonly firstSequence: number;
  /** Records up to here were durable, in every file, before this point was stored. */
  readonly certainOffset: number;
  readonly certainSequence: number;
  /** The rest, up to here, is the last batch: it was stored together with this point. */
  readonly endOffset: number;
  readonly lastSequence: number;
  /** Of those of them that are lost it is unknown whether they were committed. */
  readonly doubtful: SequenceRange | undefined;
  /**
   * Records after `lastSequence` up to this one may have been committed since with a near slot only, in the page of
   * `endOffset`, after it. `lastSequence` if there are none.
   */
  readonly reservedThrough: number;
  readonly pairId: bigint;
}

/** The point that is stored together with the batch after `point`. */
export function pointAfter(point: CommitPoint, startOffset: number, endOffset: number, count: number): CommitPoint {
  const { generation, era, headPage, firstSequence, lastSequence, doubtful, reservedThrough, pairId } = point;
  // Field by field: an object that is spread is made by the engine's slow way, in each commit.
  return {
    generation, era, headPage, firstSequence,
    certainOffset: startOffset,
    certainSequence: lastSequence,
    endOffset,
    lastSequence: lastSequence + count,
    doubtful, reservedThrough, pairId,
  };
}

/** The point with numbers up to `reservedThrough` reserved, in the slot of another generation. */
export function reserving(point: CommitPoint, generation: number, reservedThrough: number): CommitPoint {
  const { era, headPage, firstSequence, certainOffset, certainSequence, endOffset, lastSequence } = point;
  const { doubtful, pairId } = point;
  return {
    generation, era, headPage, firstSequence, certainOffset, certainSequence, endOffset, lastSequence, doubtful,
    reservedThrough, pairId,
  };
}

/** Returns the offset in a header page of the commit point of a generation. */
export function slotOffset(generation: number): number {
  return SLOT_BYTES * (1 + (generation % 2));
}

/** Returns the offset in a page of one of its near slots. */
export function nearSlotOffset(index: number): number {
  return PAGE_BYTES - (NEAR_SLOTS - index) * SLOT_BYTES;
}

/** Encodes slots into one piece of memory, which holds the last of them: a commit allocates none. */
export class SlotEncoder {
  readonly #bytes = new Uint8Array(SLOT_BYTES);
  readonly #view = viewOf(this.#bytes);
  readonly #covered = this.#bytes.subarray(4);
  #pairId = 0n;

  constructor(logId: bigint) {
    this.#view.setUint32(4, SLOT_MARKER, true);
    this.#view.setBigUint64(8, logId, true);
  }

  encode(point: CommitPoint): Uint8Array {
    setFields(this.#view, point);
    if (point.pairId !== this.#pairId) this.#setPairId(point.pairId);
    this.#view.setUint32(0, crc32(this.#covered), true);
    return this.#bytes;
  }

  /** A BigInt is stored by a call of the engine's runtime, and this one hardly ever changes. */
  #setPairId(pairId: bigint): void {
    this.#pairId = pairId;
    this.#view.setBigUint64(56, pairId, true);
  }
}

/** The bytes of a commit slot. */
export function encodeSlot(logId: bigint, point: CommitPoint): Uint8Array {
  return new SlotEncoder(logId).encode(point);
}

function setFields(view: DataView, point: CommitPoint): void {
  setUint64(view, 16, point.generation);
  setUint64(view, 24, point.headPage);
  setUint64(view, 32, point.firstSequence);
  setUint64(view, 40, point.endOffset);
  setUint64(view, 48, point.lastSequence);
  setUint64(view, 64, point.certainOffset);
  setUint64(view, 72, point.certainSequence);
  setUint64(view, 80, point.era);
  setUint64(view, 88, point.doubtful?.first ?? 0);
  setUint64(view, 96, point.doubtful?.last ?? 0);
  setUint64(view, 104, point.reservedThrough);
}

/** The commit point in a slot of log `logId`; undefined if it does not verify or names what a log cannot hold. */
export function decodeSlot(bytes: Uint8Array, logId: bigint, pageCount: number): CommitPoint | undefined {
  const view = viewOf(bytes);
  if (view.getUint32(4, true) !== SLOT_MARKER || view.getBigUint64(8, true) !== logId) return undefined;
  if (crc32(bytes.subarray(4)) !== view.getUint32(0, true)) return undefined;
  const [first, last] = [getUint64(view, 88), getUint64(view, 96)];
  const point = {
    generation: getUint64(view, 16),
    era: getUint64(view, 80),
    headPage: getUint64(view, 24),
    firstSequence: getUint64(view, 32),
    certainOffset: getUint64(view, 64),
    certainSequence: getUint64(view, 72),
    endOffset: getUint64(view, 40),
    lastSequence: getUint64(view, 48),
    doubtful: first === 0 && last === 0 ? undefined : { first, last },
    reservedThrough: getUint64(view, 104),
    pairId: view.getBigUint64(56, true),
  };
  return isPossible(point, pageCount - 2) ? point : undefined;
}

/**
 * True if a ring of so many pages can hold what the point names. A checksum says that the bytes are as they were
 * stored, not that it was right to store them. Numbers that are no safe integers arrive as NaN, which no comparison
 * accepts.
 */
function isPossible(point: CommitPoint, dataPages: number): boolean {
  const { headPage, firstSequence, certainOffset, certainSequence, endOffset, lastSequence, doubtful } = point;
  const { reservedThrough } = point;
  const start = headPage * PAGE_BYTES;
  const most = (endOffset - start) / FRAGMENT_HEADER_BYTES;
  return (
    point.generation >= 1 && point.era >= 1 &&
    start <= certainOffset && certainOffset <= endOffset && isPlace(certainOffset) && isPlace(endOffset) &&
    lastPageBefore(endOffset) - headPage < dataPages && Number.isSafeInteger(endOffset + dataPages * PAGE_BYTES) &&
    firstSequence >= 1 && firstSequence - 1 <= certainSequence && certainSequence <= lastSequence &&
    lastSequence <= reservedThrough && reservedThrough <= SEQUENCE_MAX && lastSequence - firstSequence + 1 <= most &&
    (doubtful === undefined ||
      (doubtful.first >= 1 && doubtful.first <= doubtful.last && doubtful.last <= lastSequence))
  );
}

/** True if a fragment can end, or the next one begin, at this offset of the log. */
function isPlace(logOffset: number): boolean {
  const inPage = logOffset % PAGE_BYTES;
  return inPage === 0 || (inPage > PAGE_HEADER_BYTES && inPage % 8 === 0);
}

/** The newest commit point: of one generation that with the later end, as commits have it that stay in a page. */
export function newest(points: readonly (CommitPoint | undefined)[]): CommitPoint | undefined {
  let best: CommitPoint | undefined;
  for (const point of points) {
    if (point !== undefined && (best === undefined || isNewer(point, best))) best = point;
  }
  return best;
}

function isNewer({ generation, endOffset }: CommitPoint, than: CommitPoint): boolean {
  return generation > than.generation || (generation === than.generation && endOffset > than.endOffset);
}

/** The point with all up to its end certain, and nothing after it: what may be said once all of it is durable. */
export function certainly(point: CommitPoint): CommitPoint {
  const { endOffset, lastSequence } = point;
  return { ...point, certainOffset: endOffset, certainSequence: lastSequence, reservedThrough: lastSequence };
}

/** True if all that the point names was durable before it was stored. */
export function isCertain(point: CommitPoint): boolean {
  return point.certainOffset === point.endOffset && point.certainSequence === point.lastSequence;
}
