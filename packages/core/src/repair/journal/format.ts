/**
 * The bytes of a repair journal (`<file>.repair`). All integers little-endian.
 *
 * ```
 * offset  size  field
 *      0     8  magic "PMEMRPJ\n"
 *      8     4  version, 2
 *     12     4  record count
 *     16     8  inode of the file it belongs to
 *     24     8  birth time of that file, ns since 1970; 0 unknown
 *     32     8  length of the whole journal, digest included
 *     40    16  id of the journal; the mark of the file names the same one. Of the SHA-256 of the name at which it was
 *               made the first 8 bytes are its second half
 *     56    36  boot id of the machine that wrote its oldest intent, as text; zeros unknown
 *     92     4  which start of a machine wrote it: of the SHA-256 of its boot id the first 4 bytes; zeros unknown
 *     96     …  records
 *    end-32 32  SHA-256 of every byte before it
 *
 * record:
 *      0     4  kind: 1 intent, 2 lost range, 3 uniform intent, 4 bare intent
 *      4     4  content bytes after this header (intent), the one byte of all of it (uniform intent), 1 (blank
 *               lost range), 0 (others)
 *      8     8  offset in the file
 *     16     8  length in the file
 *     24     8  size of the file when the intent was written, 0 (lost range)
 *     32     …  content (intent), padded with zeros to 8 bytes
 * ```
 *
 * An intent carries what its unit is to hold, so that a repair cut off by a crash is finished on the next open instead
 * of being guessed at. Uniform content (a lost page that is filled) is stored as one byte. A bare intent names a whole
 * unit of which nothing was left and that `rebuild` was writing: cut off, it is lost. A lost range marks bytes that
 * were lost; a blank one, that a repair has stored zeros there and has read them back, so any other byte was stored since.
 * Version 1 is read as well: it has no id and no boot id, and its records begin at 40.
 */
import { createHash } from 'node:crypto';
import type { ByteRange } from '../../ranges/byte-range.js';
import { coalesce, formatRange, intersectAll, rangeEnd, subtract } from '../../ranges/byte-range.js';
import type { Intent, JournalContent } from './content.js';

const JOURNAL_VERSION = 2;
/** Largest journal that is read, and most bytes that its intents may hold together. */
export const JOURNAL_LIMIT_BYTES = 64 * 1024 * 1024;

const MAGIC = Buffer.from('PMEMRPJ\n', 'latin1');
const HEADER_BYTES = 96;
const HEADER_BYTES_V1 = 40;
const ID_BYTES = 16;
const BOOT_ID_BYTES = 36;
const WRITTEN_BY_OFFSET = 92;
const RECORD_BYTES = 32;
const DIGEST_BYTES = 32;
/** Most ranges that a journal of losses alone can name. */
export const LOST_RANGES_MAX = (JOURNAL_LIMIT_BYTES - HEADER_BYTES - DIGEST_BYTES) / RECORD_BYTES;
const KIND_INTENT = 1;
const KIND_LOST = 2;
const KIND_UNIFORM = 3;
const KIND_BARE = 4;

/** Identifies a journal, and the file that it belongs to. */
export interface JournalIdentity {
  readonly inode: bigint;
  readonly birthTimeNs: bigint;
  /** 32 hexadecimal digits; undefined in a journal of version 1. */
  readonly id: string | undefined;
  /** Of the machine that wrote the oldest intent. Empty if not known. */
  readonly bootId: string;
  /** startOf() the machine that wrote the journal. 0 if not known: older builds leave zeros there. */
  readonly writtenBy: number;
}

export interface DecodedJournal extends JournalContent {
  readonly identity: JournalIdentity;
}

/** Tells one start of a machine from another, in the 4 bytes that a journal has for it. 0 if it is not known. */
export function startOf(bootId: string): number {
  return bootId === '' ? 0 : createHash('sha256').update(bootId).digest().readUInt32BE(0);
}

export type JournalDecoding =
  | { readonly status: 'ok'; readonly journal: DecodedJournal }
  /** Not a journal at all: some other file that has this name. */
  | { readonly status: 'foreign' }
  | { readonly status: 'damaged'; readonly reason: string; readonly range?: ByteRange };

function padded(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

/** True if open() would accept a journal of this content, with every byte written out. */
export function journalFits({ intents, lost, blank = [] }: JournalContent): boolean {
  let bytes = HEADER_BYTES + DIGEST_BYTES + RECORD_BYTES * intents.length;
  for (const { content } of intents) bytes += padded(content?.byteLength ?? 0);
  // A blank range inside a lost range makes three records of one. Only a journal that this may matter to is counted.
  const recordsMax = lost.length + 2 * blank.length;
  if (bytes + RECORD_BYTES * recordsMax <= JOURNAL_LIMIT_BYTES) return true;
  const lossRecords = intersectAll(lost, blank).length + subtract(lost, blank).length;
  return bytes + RECORD_BYTES * lossRecords <= JOURNAL_LIMIT_BYTES;
}

/** True if every byte equals the one before it. */
function isUniform(content: Uint8Array | undefined): boolean {
  if (content === undefined) return false;
  const { byteLength } = content;
  return byteLength > 0 && Buffer.compare(content.subarray(1), content.subarray(0, byteLength - 1)) === 0;
}

/** isUniform() of each: thousands of pages that were lost and filled share a few contents. */
function areUniform(intents: readonly Intent[]): boolean[] {
  const asked = new Map<Uint8Array | undefined, boolean>();
  return intents.map(({ content }) => {
    let answer = asked.get(content);
    if (answer === undefined) asked.set(content, (answer = isUniform(content)));
    return answer;
  });
}

export function encodeJournal(identity: JournalIdentity, content: JournalContent): Uint8Array {
  const intents = [...content.intents].sort((a, b) => a.offset - b.offset);
  const uniform = areUniform(intents);
  const blank = intersectAll(content.lost, content.blank ?? []);
  const other = blank.length === 0 ? content.lost : subtract(content.lost, blank);
  const records = intents.length + blank.length + other.length;
  let total = HEADER_BYTES + DIGEST_BYTES + RECORD_BYTES * records;
  intents.forEach(({ content: unit }, i) => { if (uniform[i] === false) total += padded(unit?.byteLength ?? 0); });
  const bytes = Buffer.alloc(total);
  MAGIC.copy(bytes, 0);
  bytes.writeUInt32LE(JOURNAL_VERSION, 8);
  bytes.writeUInt32LE(records, 12);
  bytes.writeBigUInt64LE(identity.inode, 16);
  bytes.writeBigInt64LE(identity.birthTimeNs, 24);
  bytes.writeBigUInt64LE(BigInt(total), 32);
  bytes.write(identity.id ?? '', 40, ID_BYTES, 'hex');
  bytes.write(identity.bootId, 56, BOOT_ID_BYTES, 'latin1');
  bytes.writeUInt32BE(identity.writtenBy, WRITTEN_BY_OFFSET);
  let at = HEADER_BYTES;
  for (let i = 0; i < intents.length; i++) {
    const intent = intents[i] as Intent;
    const { content: unit, fileSizeBytes } = intent;
    if (unit === undefined) {
      at = writeRecord(bytes, at, KIND_BARE, intent, 0, fileSizeBytes);
    } else if (uniform[i] === true) {
      at = writeRecord(bytes, at, KIND_UNIFORM, intent, unit[0] as number, fileSizeBytes);
    } else {
      at = writeRecord(bytes, at, KIND_INTENT, intent, unit.byteLength, fileSizeBytes);
      bytes.set(unit, at);
      at += padded(unit.byteLength);
    }
  }
  for (const range of other) at = writeRecord(bytes, at, KIND_LOST, range, 0, 0);
  for (const range of blank) at = writeRecord(bytes, at, KIND_LOST, range, 1, 0);
  createHash('sha256').update(bytes.subarray(0, at)).digest().copy(bytes, at);
  return bytes;
}

function writeRecord(
  bytes: Buffer, at: number, kind: number, range: ByteRange, detail: number, fileSizeBytes: number,
): number {
  bytes.writeUInt32LE(kind, at);
  bytes.writeUInt32LE(detail, at + 4);
  writeSafe(bytes, range.offset, at + 8);
  writeSafe(bytes, range.length, at + 16);
  writeSafe(bytes, fileSizeBytes, at + 24);
  return at + RECORD_BYTES;
}

/**
 * Decodes a journal of a file whose repair unit has `unitBytes`. The digest guards against damage, not against malice,
 * so every field is checked as if it came from an enemy: no record may leave the bytes it stands in, intents are whole
 * units (at most one shorter, for the end of the file), nothing is named twice, and length fields by themselves
 * allocate JOURNAL_LIMIT_BYTES at most.
 */
export function decodeJournal(journal: Uint8Array, unitBytes: number): JournalDecoding {
  const bytes = Buffer.from(journal.buffer, journal.byteOffset, journal.byteLength);
  if (!bytes.subarray(0, MAGIC.byteLength).equals(MAGIC)) return { status: 'foreign' };
  if (bytes.byteLength < HEADER_BYTES_V1 + DIGEST_BYTES) return damaged(`it has only ${bytes.byteLength} bytes`);
  const version = bytes.readUInt32LE(8);
  if (version !== JOURNAL_VERSION && version !== 1) return damaged(`version ${version} is not known here`);
  if (bytes.readBigUInt64LE(32) !== BigInt(bytes.byteLength)) return damaged('its length differs from its header');
  const end = bytes.byteLength - DIGEST_BYTES;
  const digest = createHash('sha256').update(bytes.subarray(0, end)).digest();
  if (!digest.equals(bytes.subarray(end))) return damaged('its checksum does not match');
  const start = version === 1 ? HEADER_BYTES_V1 : HEADER_BYTES;
  if (end < start) return damaged(`it has only ${bytes.byteLength} bytes`);
  const records = decodeRecords(bytes, start, end, unitBytes);
  if ('status' in records) return records;
  return { status: 'ok', journal: { ...records, identity: identityIn(bytes, version) } };
}

function identityIn(bytes: Buffer, version: number): JournalIdentity {
  const inode = bytes.readBigUInt64LE(16);
  const birthTimeNs = bytes.readBigInt64LE(24);
  if (version === 1) return { inode, birthTimeNs, id: undefined, bootId: '', writtenBy: 0 };
  const bootId = bytes.toString('latin1', 56, 56 + BOOT_ID_BYTES).replace(/\0+$/, '');
  const writtenBy = bytes.readUInt32BE(WRITTEN_BY_OFFSET);
  return { inode, birthTimeNs, id: bytes.toString('hex', 40, 40 + ID_BYTES), bootId, writtenBy };
}

function decodeRecords(bytes: Buffer, start: number, end: number, unitBytes: number): JournalContent | JournalDecoding {
  const count = bytes.readUInt32LE(12);
  const intents: Intent[] = [];
  const lost: ByteRange[] = [];
  const blank: ByteRange[] = [];
  let at = start;
  let uniformLimit = JOURNAL_LIMIT_BYTES;
  let shorter = 0;
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
    if (kind === KIND_LOST) {
      if (detail > 1) return damaged(`record ${i} is not valid`);
      lost.push({ offset, length });
      if (detail === 1) blank.push({ offset, length });
      continue;
    }
    if (length < unitBytes) shorter++;
    if (!isUnit({ offset, length }, fileSizeBytes, unitBytes) || shorter > 1) {
      return { ...damaged(`record ${i} is not one unit of this file`), range: { offset, length } };
    }
    if (kind === KIND_INTENT && detail === length && padded(length) <= end - at) {
      intents.push({ offset, length, fileSizeBytes, content: Uint8Array.from(bytes.subarray(at, at + length)) });
      at += padded(length);
    } else if (kind === KIND_UNIFORM && detail <= 255 && length <= uniformLimit) {
      intents.push({ offset, length, fileSizeBytes, content: new Uint8Array(length).fill(detail) });
      uniformLimit -= length;
    } else if (kind === KIND_BARE && detail === 0 && length === unitBytes) {
      intents.push({ offset, length, fileSizeBytes, content: undefined });
    } else {
      return damaged(`record ${i} is not valid`);
    }
  }
  if (at !== end) return damaged('bytes follow its last record');
  for (const ranges of [intents, lost]) {
    const twice = sortedOverlap(ranges);
    if (twice !== undefined) return { ...damaged(`it names ${formatRange(twice)} twice`), range: twice };
  }
  return { intents, lost: coalesce(lost), blank: coalesce(blank) };
}

/** Whole and aligned, or the beginning of the unit that the file ended in. */
function isUnit(range: ByteRange, fileSizeBytes: number, unitBytes: number): boolean {
  if (range.offset % unitBytes !== 0 || rangeEnd(range) > fileSizeBytes) return false;
  return range.length === unitBytes || (range.length < unitBytes && rangeEnd(range) === fileSizeBytes);
}

/** Sorts in place; the first range that begins before the one before it ends. */
function sortedOverlap(ranges: ByteRange[]): ByteRange | undefined {
  // Journals are written in order, and of two million losses even a sort that changes nothing takes long.
  if (firstOverlap(ranges) === undefined) return undefined;
  ranges.sort((a, b) => a.offset - b.offset);
  return firstOverlap(ranges);
}

function firstOverlap(ranges: readonly ByteRange[]): ByteRange | undefined {
  return ranges.find((range, i) => i > 0 && range.offset < rangeEnd(ranges[i - 1] as ByteRange));
}

/** Without a bigint, of which two million take as long as all the rest. */
function readSafe(bytes: Buffer, at: number): number | undefined {
  const high = bytes.readUInt32LE(at + 4);
  return high < 2 ** 21 ? high * 2 ** 32 + bytes.readUInt32LE(at) : undefined;
}

function writeSafe(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32LE(value % 2 ** 32, at);
  bytes.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4);
}

function damaged(reason: string): JournalDecoding & { readonly status: 'damaged' } {
  return { status: 'damaged', reason };
}
