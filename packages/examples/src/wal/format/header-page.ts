/** Header pages: encoding, and the checks that a page must pass to be believed. */
import type { CommitPoint } from './commit-slot.js';
import { decodeSlot, encodeSlot, newest, slotOffset } from './commit-slot.js';
import { crc32 } from './crc32.js';
import {
  FORMAT_VERSION,
  HEADER_CHECKSUM_OFFSET,
  MAGIC,
  PAGE_BYTES,
  SLOT_BYTES,
  getUint64,
  setUint64,
  viewOf,
} from './format.js';

/** The part of a header that never changes while a log lives. */
export interface LogHeader {
  readonly logId: bigint;
  readonly pageCount: number;
}

/** The commit points that a header page names. */
export interface CopyPoints {
  /** By slot; undefined for one that does not verify. */
  readonly slots: readonly (CommitPoint | undefined)[];
  /** The newest of them. */
  readonly commitPoint: CommitPoint | undefined;
}

/** The verdict on a header page that can be read. */
export type HeaderState =
  | ({ readonly status: 'valid'; readonly header: LogHeader } & CopyPoints)
  | { readonly status: 'other-version'; readonly version: number }
  | { readonly status: 'blank' }
  | { readonly status: 'damaged' }
  | { readonly status: 'foreign' };

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
  const slots = [0, 1].map((index) => {
    const at = slotOffset(index);
    return decodeSlot(bytes.subarray(at, at + SLOT_BYTES), header.logId, header.pageCount);
  });
  return { status: 'valid', header, slots, commitPoint: newest(slots) };
}
