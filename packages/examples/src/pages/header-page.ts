/** Slot 0: which store a data file belongs to. */
import type { Bytes } from './bytes.js';
import { bufferOf, checksumOf } from './bytes.js';
import { FORMAT_VERSION, GENERATION_MAX, HEADER_MARKER, MAGIC, PAGE_BYTES } from './format.js';

const HEADER_BYTES = 48;
const MAGIC_AT = 8;

export interface DataHeader {
  readonly storeId: bigint;
  readonly fileId: bigint;
  /** Number of the last checkpoint that was in force when the header was written; 0 if that is not known. */
  readonly inForce: number;
  /** Count of the numbers after that one which were given to checkpoints since; ATTEMPTS_MAX: so many or more. */
  readonly attempts: number;
}

export const ATTEMPTS_MAX = 0xffff;

/** `other-version`: a store, but not one that this code can read. `none`: anything else. */
export type HeaderState =
  | { readonly status: 'valid'; readonly header: DataHeader }
  | { readonly status: 'other-version'; readonly version: number }
  | { readonly status: 'none' };

export function encodeHeaderPage({ storeId, fileId, inForce, attempts }: DataHeader): Buffer {
  const page = Buffer.alloc(PAGE_BYTES);
  page.writeUInt32LE(HEADER_MARKER, 4);
  page.writeBigUInt64LE(MAGIC, MAGIC_AT);
  page.writeUInt32LE(FORMAT_VERSION, 16);
  page.writeUInt32LE(PAGE_BYTES, 20);
  page.writeBigUInt64LE(storeId, 24);
  page.writeBigUInt64LE(fileId, 32);
  page.writeUIntLE(inForce, 40, 6);
  page.writeUInt16LE(Math.min(attempts, ATTEMPTS_MAX), 46);
  page.writeUInt32LE(checksumOf(page.subarray(4, HEADER_BYTES)), 0);
  return page;
}

/**
 * The page of a file that is about to get its first header. A power failure keeps any words of a header that is being
 * stored: this one, which is durable before, tells a torn one from a file of another program.
 */
export function encodeBegunPage(): Buffer {
  const page = Buffer.alloc(PAGE_BYTES);
  page.writeBigUInt64LE(MAGIC, MAGIC_AT);
  return page;
}

/** The page holds a header, whole or torn, and nothing else. */
export function isBegunHeader(page: Buffer): boolean {
  return page.readBigUInt64LE(MAGIC_AT) === MAGIC && page.subarray(HEADER_BYTES).every((byte) => byte === 0);
}

export function decodeHeaderPage(bytes: Bytes): HeaderState {
  const page = bufferOf(bytes);
  if (page.readUInt32LE(4) !== HEADER_MARKER || page.readBigUInt64LE(MAGIC_AT) !== MAGIC) return { status: 'none' };
  if (page.readUInt32LE(0) !== checksumOf(page.subarray(4, HEADER_BYTES))) return { status: 'none' };
  const version = page.readUInt32LE(16);
  if (version !== FORMAT_VERSION || page.readUInt32LE(20) !== PAGE_BYTES) return { status: 'other-version', version };
  const inForce = page.readUIntLE(40, 6);
  if (inForce > GENERATION_MAX) return { status: 'none' };
  const [storeId, fileId] = [page.readBigUInt64LE(24), page.readBigUInt64LE(32)];
  return { status: 'valid', header: { storeId, fileId, inForce, attempts: page.readUInt16LE(46) } };
}
