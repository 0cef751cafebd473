/** Leaf pages: entries of one range of keys. */
import type { Bytes } from './bytes.js';
import { checksumOf } from './bytes.js';
import {
  ENTRY_HEADER_BYTES,
  LEAF_MARKER,
  PAGE_BYTES,
  PAGE_HEADER_BYTES,
  REFERENCE_BYTES,
} from './format.js';

/** Where a value lies that is too long for a leaf. */
export interface ValueReference {
  readonly slot: number;
  readonly length: number;
  readonly checksum: number;
  readonly generation: number;
}

/** Undefined: the key is known to be absent, which only a leaf with lost keys has to say. */
export type Value = Bytes | ValueReference | undefined;

export interface Entries {
  readonly keys: Bytes[];
  readonly values: Value[];
}

export interface LeafContent extends Entries {
  readonly low: Bytes;
  /** Undefined: the range has no upper end. */
  readonly high: Bytes | undefined;
  /** Keys of the range that have no entry were lost. */
  readonly lost: boolean;
}

/** Which page some bytes must be before anything in them is believed. */
export interface PageIdentity {
  readonly storeId: bigint;
  readonly slot: number;
}

export interface LeafPage extends LeafContent {
  readonly generation: number;
  /** Bytes that the entries take. */
  readonly entryBytes: number;
}

const FLAG_LOST = 1;
const FLAG_NO_HIGH = 2;
const KIND_HERE = 0;
const KIND_OVERFLOW = 1;
const KIND_ABSENT = 2;

export function isReference(value: Value): value is ValueReference {
  return value !== undefined && !(value instanceof Uint8Array);
}

/** The bytes that an entry takes, `stored` being what lies behind its key. */
export function entryBytesOf(keyBytes: number, stored: number): number {
  return ENTRY_HEADER_BYTES + keyBytes + stored;
}

/** The bytes of a leaf page with these ends and entries. */
export function leafBytesOf(low: Bytes, high: Bytes | undefined, entryBytes: number): number {
  return PAGE_HEADER_BYTES + low.length + (high?.length ?? 0) + entryBytes;
}

export function encodeLeaf(identity: PageIdentity, generation: number, leaf: LeafContent): Buffer {
  const { low, high, lost, keys, values } = leaf;
  const page = Buffer.alloc(PAGE_BYTES);
  page.writeUInt32LE(LEAF_MARKER, 4);
  page.writeBigUInt64LE(identity.storeId, 8);
  page.writeBigUInt64LE(BigInt(generation), 16);
  page.writeUInt32LE(identity.slot, 24);
  page.writeUInt16LE(keys.length, 28);
  page.writeUInt16LE((lost ? FLAG_LOST : 0) | (high === undefined ? FLAG_NO_HIGH : 0), 30);
  page.writeUInt16LE(low.length, 32);
  page.writeUInt16LE(high?.length ?? 0, 34);
  page.set(low, PAGE_HEADER_BYTES);
  let position = PAGE_HEADER_BYTES + low.length;
  if (high !== undefined) {
    page.set(high, position);
    position += high.length;
  }
  for (let i = 0; i < keys.length; i++) position = encodeEntry(page, position, keys[i] as Bytes, values[i]);
  page.writeUInt32LE(position, 36);
  page.writeUInt32LE(checksumOf(page.subarray(4, position)), 0);
  return page;
}

/** The leaf, where `page` is one of this store and slot and its checksum holds. Keys and values are views of `page`. */
export function decodeLeaf(page: Buffer, { storeId, slot }: PageIdentity): LeafPage | undefined {
  if (page.readUInt32LE(4) !== LEAF_MARKER || page.readUInt32LE(24) !== slot) return undefined;
  const usedBytes = page.readUInt32LE(36);
  if (usedBytes < PAGE_HEADER_BYTES || usedBytes > PAGE_BYTES || page.readBigUInt64LE(8) !== storeId) return undefined;
  if (page.readUInt32LE(0) !== checksumOf(page.subarray(4, usedBytes))) return undefined;
  const flags = page.readUInt16LE(30);
  const lowEnd = PAGE_HEADER_BYTES + page.readUInt16LE(32);
  const start = lowEnd + page.readUInt16LE(34);
  const count = page.readUInt16LE(28);
  const keys = new Array<Bytes>(count);
  const values = new Array<Value>(count);
  let position = start;
  for (let i = 0; i < count; i++) {
    const keyStart = position + ENTRY_HEADER_BYTES;
    const valueStart = keyStart + page.readUInt16LE(position);
    const end = valueStart + page.readUInt32LE(position + 4);
    keys[i] = page.subarray(keyStart, valueStart);
    values[i] = decodeValue(page.readUInt16LE(position + 2), page.subarray(valueStart, end));
    position = end;
  }
  return {
    generation: Number(page.readBigUInt64LE(16)),
    low: page.subarray(PAGE_HEADER_BYTES, lowEnd),
    high: (flags & FLAG_NO_HIGH) === 0 ? page.subarray(lowEnd, start) : undefined,
    lost: (flags & FLAG_LOST) !== 0,
    keys,
    values,
    entryBytes: position - start,
  };
}

function encodeEntry(page: Buffer, position: number, key: Bytes, value: Value): number {
  const valueStart = position + ENTRY_HEADER_BYTES + key.length;
  let kind = KIND_ABSENT;
  let end = valueStart;
  if (isReference(value)) {
    kind = KIND_OVERFLOW;
    end += REFERENCE_BYTES;
    page.writeUInt32LE(value.slot, valueStart);
    page.writeUInt32LE(value.length, valueStart + 4);
    page.writeUInt32LE(value.checksum, valueStart + 8);
    page.writeBigUInt64LE(BigInt(value.generation), valueStart + 12);
  } else if (value !== undefined) {
    kind = KIND_HERE;
    end += value.length;
    page.set(value, valueStart);
  }
  page.writeUInt16LE(key.length, position);
  page.writeUInt16LE(kind, position + 2);
  page.writeUInt32LE(end - valueStart, position + 4);
  page.set(key, position + ENTRY_HEADER_BYTES);
  return end;
}

function decodeValue(kind: number, bytes: Buffer): Value {
  if (kind === KIND_HERE) return bytes;
  if (kind === KIND_ABSENT) return undefined;
  return {
    slot: bytes.readUInt32LE(0),
    length: bytes.readUInt32LE(4),
    checksum: bytes.readUInt32LE(8),
    generation: Number(bytes.readBigUInt64LE(12)),
  };
}
