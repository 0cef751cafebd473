/** Header pages and commit slots: encoding, and the checks that a page must pass to be believed. */
import { crc32 } from './crc32.js';
import {
  FORMAT_VERSION,
  HEADER_CHECKSUM_OFFSET,
  MAGIC,
  PAGE_BYTES,
  SLOT_BYTES,
  SLOT_MARKER,
  getUint64,
  setUint64,
  viewOf,
} from './format.js';

/** What never changes while a log lives. */
export interface LogHeader {
  readonly logId: bigint;
  readonly pageCount: number;
}

/** A commit point: everything that recovery needs to know about the ring. */
export interface CommitPoint {
  readonly generation: number;
  readonly headPage: number;
  readonly firstSequence: number;
  readonly endOffset: number;
  readonly lastSequence: number;
  readonly pairId: bigint;
}

/** What a readable header page turned out to be. */
export type HeaderState =
  | { readonly status: 'valid'; readonly header: LogHeader; readonly commitPoint: CommitPoint | undefined }
  | { readonly status: 'other-version'; readonly version: number }
  | { readonly status: 'blank' }
  | { readonly status: 'damaged' }
  | { readonly status: 'foreign' };

/** Where in a header page the commit point of a generation is stored. */
export function slotOffset(generation: number): number {
  return SLOT_BYTES * (1 + (generation % 2));
}

/** The 64 bytes of a commit slot. */
export function encodeSlot(logId: bigint, point: CommitPoint): Uint8Array {
  const bytes = new Uint8Array(SLOT_BYTES);
  const view = viewOf(bytes);
  view.setUint32(4, SLOT_MARKER, true);
  view.setBigUint64(8, logId, true);
  setUint64(view, 16, point.generation);
  setUint64(view, 24, point.headPage);
  setUint64(view, 32, point.firstSequence);
  setUint64(view, 40, point.endOffset);
  setUint64(view, 48, point.lastSequence);
  view.setBigUint64(56, point.pairId, true);
  view.setUint32(0, crc32(bytes.subarray(4)), true);
  return bytes;
}

/** A whole header page whose one commit point is `point`; without it, a page that is of the log and names none. */
export function encodeHeaderPage(header: LogHeader, point: CommitPoint | undefined): Uint8Array {
  const bytes = new Uint8Array(PAGE_BYTES);
  const view = viewOf(bytes);
  bytes.set(MAGIC, 0);
  view.setUint32(8, FORMAT_VERSION, true);
  view.setUint32(12, PAGE_BYTES, true);
  setUint64(view, 16, header.pageCount);
  view.setBigUint64(24, header.logId, true);
  view.setUint32(HEADER_CHECKSUM_OFFSET, crc32(bytes.subarray(0, HEADER_CHECKSUM_OFFSET)), true);
  if (point !== undefined) bytes.set(encodeSlot(header.logId, point), slotOffset(point.generation));
  return bytes;
}

/** Judges a header page. A page without the magic word counts as blank: formatting writes that word last. */
export function decodeHeaderPage(bytes: Uint8Array): HeaderState {
  const view = viewOf(bytes);
  const magic = bytes.subarray(0, MAGIC.length);
  if (magic.every((byte) => byte === 0)) return { status: 'blank' };
  if (!magic.every((byte, index) => byte === MAGIC[index])) return { status: 'foreign' };
  if (crc32(bytes.subarray(0, HEADER_CHECKSUM_OFFSET)) !== view.getUint32(HEADER_CHECKSUM_OFFSET, true)) {
    return { status: 'damaged' };
  }
  const version = view.getUint32(8, true);
  if (version !== FORMAT_VERSION) return { status: 'other-version', version };
  const header = { logId: view.getBigUint64(24, true), pageCount: getUint64(view, 16) };
  if (header.logId === 0n || view.getUint32(12, true) !== PAGE_BYTES) return { status: 'damaged' };
  const slots = [0, 1].map((index) => decodeSlot(bytes.subarray(slotOffset(index), slotOffset(index) + SLOT_BYTES)));
  return { status: 'valid', header, commitPoint: newest(slots.filter((slot) => slot?.logId === header.logId)) };
}

/** The commit point with the highest generation. */
export function newest<Point extends CommitPoint>(points: readonly (Point | undefined)[]): Point | undefined {
  let best: Point | undefined;
  for (const point of points) {
    if (point !== undefined && (best === undefined || point.generation > best.generation)) best = point;
  }
  return best;
}

function decodeSlot(bytes: Uint8Array): (CommitPoint & { logId: bigint }) | undefined {
  const view = viewOf(bytes);
  if (view.getUint32(4, true) !== SLOT_MARKER || crc32(bytes.subarray(4)) !== view.getUint32(0, true))
    return undefined;
  return {
    logId: view.getBigUint64(8, true),
    generation: getUint64(view, 16),
    headPage: getUint64(view, 24),
    firstSequence: getUint64(view, 32),
    endOffset: getUint64(view, 40),
    lastSequence: getUint64(view, 48),
    pairId: view.getBigUint64(56, true),
  };
}
