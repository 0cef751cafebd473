/**
 * The bytes of a repair journal (`<file>.repair`). All integers little-endian.
 *
 * ```
 * offset  size  field
 *      0     8  magic "PMEMRPJ\n"
 *      8     4  version, 1
 *     12     4  record count
 *     16     8  inode of the file it belongs to
 *     24     8  birth time of that file, ns since 1970; 0 unknown
 *     32     8  length of the whole journal, digest included
 *     40     …  records
 *    end-32 32  SHA-256 of every byte before it
 *
 * record:
 *      0     4  kind: 1 intent, 2 tombstone, 3 uniform intent
 *      4     4  content bytes that follow this header (intent), the one byte that all of it is (uniform intent), 0 (tombstone)
 *      8     8  offset in the file
 *     16     8  length in the file
 *     24     8  size of the file when the intent was written, 0 (tombstone)
 *     32     …  content (intent), padded with zeros to 8 bytes
 * ```
 *
 * An intent carries what its unit is to hold, so that a repair cut off by a crash is finished on the next open instead
 * of being guessed at; where that is one byte over and over, as of a page that was lost and filled, the byte alone. A tombstone marks bytes that nobody could supply.
 */
import { createHash } from 'node:crypto';
import type { ByteRange } from '../byte-range.js';

export const JOURNAL_VERSION = 1;
/** A journal over this size is refused before it is read, and one whose intents hold more than this together. */
export const JOURNAL_LIMIT_BYTES = 64 * 1024 * 1024;

const MAGIC = Buffer.from('PMEMRPJ\n', 'latin1');
const HEADER_BYTES = 40;
const RECORD_BYTES = 32;
const DIGEST_BYTES = 32;
const KIND_INTENT = 1;
const KIND_TOMBSTONE = 2;
const KIND_UNIFORM = 3;

export interface Intent extends ByteRange {
  /** What the unit is to hold: `length` bytes. */
  readonly content: Uint8Array;
  readonly fileSizeBytes: number;
}

export interface JournalContent {
  readonly inode: bigint;
  readonly birthTimeNs: bigint;
  readonly intents: readonly Intent[];
  readonly tombstones: readonly ByteRange[];
}

export type JournalDecoding =
  | { readonly status: 'ok'; readonly content: JournalContent }
  | { readonly status: 'damaged'; readonly reason: string };

function padded(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

/** True where open() would accept a journal of this content: where it stays under the limit even with all bytes written out. */
export function journalFits(intents: readonly Intent[], tombstoneCount: number): boolean {
  let bytes = HEADER_BYTES + DIGEST_BYTES + RECORD_BYTES * (intents.length + tombstoneCount);
  for (const { content } of intents) bytes += padded(content.byteLength);
  return bytes <= JOURNAL_LIMIT_BYTES;
}

/** True where every byte equals the one before it. */
function isUniform(content: Uint8Array): boolean {
  const { byteLength } = content;
  return byteLength > 0 && Buffer.compare(content.subarray(1), content.subarray(0, byteLength - 1)) === 0;
}

export function encodeJournal(content: JournalContent): Uint8Array {
  const uniform = content.intents.map((intent) => isUniform(intent.content));
  let total = HEADER_BYTES + DIGEST_BYTES + RECORD_BYTES * (content.intents.length + content.tombstones.length);
  for (const [i, intent] of content.intents.entries()) if (uniform[i] === false) total += padded(intent.content.byteLength);
  const bytes = Buffer.alloc(total);
  MAGIC.copy(bytes, 0);
  bytes.writeUInt32LE(JOURNAL_VERSION, 8);
  bytes.writeUInt32LE(content.intents.length + content.tombstones.length, 12);
  bytes.writeBigUInt64LE(content.inode, 16);
  bytes.writeBigInt64LE(content.birthTimeNs, 24);
  bytes.writeBigUInt64LE(BigInt(total), 32);
  let at = HEADER_BYTES;
  for (const [i, intent] of content.intents.entries()) {
    if (uniform[i] === true) {
      at = writeRecord(bytes, at, KIND_UNIFORM, intent, intent.content[0] as number, intent.fileSizeBytes);
      continue;
    }
    at = writeRecord(bytes, at, KIND_INTENT, intent, intent.content.byteLength, intent.fileSizeBytes);
    bytes.set(intent.content, at);
    at += padded(intent.content.byteLength);
  }
  for (const tombstone of content.tombstones) at = writeRecord(bytes, at, KIND_TOMBSTONE, tombstone, 0, 0);
  createHash('sha256').update(bytes.subarray(0, at)).digest().copy(bytes, at);
  return bytes;
}

function writeRecord(
  bytes: Buffer, at: number, kind: number, range: ByteRange, detail: number, fileSizeBytes: number,
): number {
  bytes.writeUInt32LE(kind, at);
  bytes.writeUInt32LE(detail, at + 4);
  bytes.writeBigUInt64LE(BigInt(range.offset), at + 8);
  bytes.writeBigUInt64LE(BigInt(range.length), at + 16);
  bytes.writeBigUInt64LE(BigInt(fileSizeBytes), at + 24);
  return at + RECORD_BYTES;
}

/**
 * Decodes a journal. The digest guards against damage, not against malice, so every field is checked as if it came
 * from an enemy: no record may leave the bytes it stands in, and length fields by themselves allocate JOURNAL_LIMIT_BYTES at most.
 */
export function decodeJournal(journal: Uint8Array): JournalDecoding {
  const bytes = Buffer.from(journal.buffer, journal.byteOffset, journal.byteLength);
  if (bytes.byteLength < HEADER_BYTES + DIGEST_BYTES) return damaged(`it has only ${bytes.byteLength} bytes`);
  if (!bytes.subarray(0, MAGIC.byteLength).equals(MAGIC)) return damaged('it is not a repair journal');
  const version = bytes.readUInt32LE(8);
  if (version !== JOURNAL_VERSION) return damaged(`version ${version} is not known here`);
  if (bytes.readBigUInt64LE(32) !== BigInt(bytes.byteLength)) return damaged('its length differs from its header');
  const end = bytes.byteLength - DIGEST_BYTES;
  const digest = createHash('sha256').update(bytes.subarray(0, end)).digest();
  if (!digest.equals(bytes.subarray(end))) return damaged('its checksum does not match');

  const count = bytes.readUInt32LE(12);
  const intents: Intent[] = [];
  const tombstones: ByteRange[] = [];
  let at = HEADER_BYTES;
  let uniformLimit = JOURNAL_LIMIT_BYTES;
  for (let i = 0; i < count; i++) {
    if (end - at < RECORD_BYTES) return damaged(`record ${i} is cut off`);
    const kind = bytes.readUInt32LE(at);
    const detail = bytes.readUInt32LE(at + 4);
    const offset = readSafe(bytes, at + 8);
    const length = readSafe(bytes, at + 16);
    const fileSizeBytes = readSafe(bytes, at + 24);
    at += RECORD_BYTES;
    if (offset === undefined || length === undefined || fileSizeBytes === undefined || length === 0) {
      return damaged(`record ${i} has an impossible range`);
    }
    if (!Number.isSafeInteger(offset + length)) return damaged(`record ${i} has an impossible range`);
    if (kind === KIND_TOMBSTONE && detail === 0) {
      tombstones.push({ offset, length });
    } else if (kind === KIND_INTENT && detail === length && padded(length) <= end - at) {
      intents.push({ offset, length, fileSizeBytes, content: Uint8Array.from(bytes.subarray(at, at + length)) });
      at += padded(length);
    } else if (kind === KIND_UNIFORM && detail <= 255 && length <= uniformLimit) {
      intents.push({ offset, length, fileSizeBytes, content: new Uint8Array(length).fill(detail) });
      uniformLimit -= length;
    } else {
      return damaged(`record ${i} is not valid`);
    }
  }
  if (at !== end) return damaged('bytes follow its last record');
  const content = { inode: bytes.readBigUInt64LE(16), birthTimeNs: bytes.readBigInt64LE(24), intents, tombstones };
  return { status: 'ok', content };
}

function readSafe(bytes: Buffer, at: number): number | undefined {
  const value = bytes.readBigUInt64LE(at);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
}

function damaged(reason: string): JournalDecoding {
  return { status: 'damaged', reason };
}
