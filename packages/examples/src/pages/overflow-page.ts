/** Overflow pages: the pieces of a value that is too long for a leaf. */
import type { Bytes } from './bytes.js';
import { checksumOf, safeNumber } from './bytes.js';
import { OVERFLOW_MARKER, PAGE_BYTES, PAGE_HEADER_BYTES, PIECE_BYTES_MAX } from './format.js';
import type { PageIdentity } from './leaf-page.js';

export interface OverflowPage {
  readonly generation: number;
  readonly index: number;
  /** Slot of the next piece; 0 for the last one. */
  readonly next: number;
  readonly piece: Bytes;
}

/** Returns the number of pages that a value takes. */
export function piecesOf(valueBytes: number): number {
  return Math.ceil(valueBytes / PIECE_BYTES_MAX);
}

export function encodeOverflow({ storeId, slot }: PageIdentity, { generation, index, next, piece }: OverflowPage): Buffer {
  const page = Buffer.alloc(PAGE_BYTES);
  const usedBytes = PAGE_HEADER_BYTES + piece.length;
  page.writeUInt32LE(OVERFLOW_MARKER, 4);
  page.writeBigUInt64LE(storeId, 8);
  page.writeBigUInt64LE(BigInt(generation), 16);
  page.writeUInt32LE(slot, 24);
  page.writeUInt32LE(next, 28);
  page.writeUInt32LE(index, 32);
  page.writeUInt32LE(usedBytes, 36);
  page.set(piece, PAGE_HEADER_BYTES);
  page.writeUInt32LE(checksumOf(page.subarray(4, usedBytes)), 0);
  return page;
}

/** Returns the piece, a view of `page`, if `page` is one of this store and slot and its checksum holds. */
export function decodeOverflow(page: Buffer, { storeId, slot }: PageIdentity): OverflowPage | undefined {
  if (page.readUInt32LE(4) !== OVERFLOW_MARKER || page.readUInt32LE(24) !== slot) return undefined;
  const usedBytes = page.readUInt32LE(36);
  if (usedBytes < PAGE_HEADER_BYTES || usedBytes > PAGE_BYTES || page.readBigUInt64LE(8) !== storeId) return undefined;
  if (page.readUInt32LE(0) !== checksumOf(page.subarray(4, usedBytes))) return undefined;
  const generation = safeNumber(page.readBigUInt64LE(16));
  if (generation === undefined) return undefined;
  return {
    generation,
    index: page.readUInt32LE(32),
    next: page.readUInt32LE(28),
    piece: page.subarray(PAGE_HEADER_BYTES, usedBytes),
  };
}
