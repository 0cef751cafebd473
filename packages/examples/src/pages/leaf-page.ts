/** Leaf pages: entries of one range of keys. */
import type { Bytes } from './bytes.js';
import { checksumOf, compareBytes, safeNumber } from './bytes.js';
import {
  ENTRY_BYTES_MAX,
  ENTRY_HEADER_BYTES,
  KEY_BYTES_MAX,
  LEAF_MARKER,
  PAGE_BYTES,
  PAGE_HEADER_BYTES,
  REFERENCE_BYTES,
} from './format.js';

/** The place of a value that is too long for a leaf. */
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

/** The store and slot that a page must name before anything in it is believed. */
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

/** Returns the bytes that an entry takes. `stored` lies after its key. */
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

/**
 * Returns the leaf if `page` is one of this store and slot, its checksum holds, and it does not contradict itself: a
 * page that does is damaged like any other. Keys and values are views of `page`.
 */
export function decodeLeaf(page: Buffer, { storeId, slot }: PageIdentity): LeafPage | undefined {
  if (page.readUInt32LE(4) !== LEAF_MARKER || page.readUInt32LE(24) !== slot) return undefined;
  const usedBytes = page.readUInt32LE(36);
  if (usedBytes < PAGE_HEADER_BYTES || usedBytes > PAGE_BYTES || page.readBigUInt64LE(8) !== storeId) return undefined;
  if (page.readUInt32LE(0) !== checksumOf(page.subarray(4, usedBytes))) return undefined;
  const generation = safeNumber(page.readBigUInt64LE(16));
  const flags = page.readUInt16LE(30);
  const lowEnd = PAGE_HEADER_BYTES + page.readUInt16LE(32);
  const start = lowEnd + page.readUInt16LE(34);
  if (generation === undefined || flags > (FLAG_LOST | FLAG_NO_HIGH) || start > usedBytes) return undefined;
  const low = page.subarray(PAGE_HEADER_BYTES, lowEnd);
  const high = (flags & FLAG_NO_HIGH) === 0 ? page.subarray(lowEnd, start) : undefined;
  if (Math.max(low.length, start - lowEnd) > KEY_BYTES_MAX + 1) return undefined;
  const entries = decodeEntries(page.subarray(start, usedBytes), page.readUInt16LE(28));
  if (entries === undefined || !isSorted(low, entries.keys, high)) return undefined;
  return { generation, low, high, lost: (flags & FLAG_LOST) !== 0, ...entries, entryBytes: usedBytes - start };
}

/** Returns the entries that fill `bytes`; undefined if these are not `count` entries. */
function decodeEntries(bytes: Buffer, count: number): Entries | undefined {
  const entries: Entries = { keys: [], values: [] };
  let position = 0;
  for (let i = 0; i < count; i++) {
    const keyStart = position + ENTRY_HEADER_BYTES;
    if (keyStart > bytes.length) return undefined;
    const valueStart = keyStart + bytes.readUInt16LE(position);
    const end = valueStart + bytes.readUInt32LE(position + 4);
    if (end > bytes.length || valueStart - keyStart > KEY_BYTES_MAX) return undefined;
    const value = decodeValue(bytes.readUInt16LE(position + 2), bytes.subarray(valueStart, end));
    if (value === 'none') return undefined;
    // Such a value would have pages of its own.
    if (value instanceof Uint8Array && end - keyStart > ENTRY_BYTES_MAX) return undefined;
    entries.keys.push(bytes.subarray(keyStart, valueStart));
    entries.values.push(value);
    position = end;
  }
  return position === bytes.length ? entries : undefined;
}

/** True if the keys ascend, from `low` on and before `high`. */
function isSorted(low: Bytes, keys: readonly Bytes[], high: Bytes | undefined): boolean {
  if (high !== undefined && compareBytes(low, high) >= 0) return false;
  return keys.every((key, i) => {
    const previous = keys[i - 1];
    const begins = previous === undefined ? compareBytes(low, key) <= 0 : compareBytes(previous, key) < 0;
    return begins && (high === undefined || compareBytes(key, high) < 0);
  });
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

/** `none` for bytes that are no value. */
function decodeValue(kind: number, bytes: Buffer): Value | 'none' {
  if (kind === KIND_HERE) return bytes;
  if (kind === KIND_ABSENT) return bytes.length === 0 ? undefined : 'none';
  if (kind !== KIND_OVERFLOW || bytes.length !== REFERENCE_BYTES) return 'none';
  const generation = safeNumber(bytes.readBigUInt64LE(12));
  const [slot, length] = [bytes.readUInt32LE(0), bytes.readUInt32LE(4)];
  if (generation === undefined || slot === 0 || length === 0) return 'none';
  return { slot, length, checksum: bytes.readUInt32LE(8), generation };
}
