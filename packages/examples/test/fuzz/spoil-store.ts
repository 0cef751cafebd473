/** Changes pages and log records of a paged store so that they contradict themselves, with checksums that hold. */
import { crc32 } from 'node:zlib';
import type { Random } from '../wal/log-machine.js';
import { oddNumber } from './cases.js';

const PAGE = 4096;

type Field = readonly [offset: number, bytes: 2 | 4 | 8];

const HEADER_FIELDS: readonly Field[] = [[16, 4], [20, 4], [24, 8], [32, 8], [40, 8]];
const LEAF_FIELDS: readonly Field[] = [[8, 8], [16, 8], [24, 4], [28, 2], [30, 2], [32, 2], [34, 2], [36, 4]];
const OVERFLOW_FIELDS: readonly Field[] = [[8, 8], [16, 8], [24, 4], [28, 4], [32, 4], [36, 4]];
const CHECKPOINT_FIELDS: readonly Field[] = [[4, 4], [8, 8], [16, 8], [24, 8], [32, 8], [40, 8], [48, 4], [52, 4]];
const BATCH_FIELDS: readonly Field[] = [[4, 4], [8, 2], [10, 2], [12, 4]];

function spoilField(bytes: Buffer, [offset, length]: Field, start: number, random: Random): void {
  const at = start + offset;
  if (at + length > bytes.length) return;
  if (length === 8) bytes.writeBigUInt64LE(oddNumber(random, bytes.readBigUInt64LE(at), 64), at);
  else {
    const value = oddNumber(random, BigInt(bytes.readUIntLE(at, length)), length === 2 ? 16 : 32);
    bytes.writeUIntLE(Number(value), at, length);
  }
}

/** The kind of a page, by its marker. */
function kindOf(bytes: Buffer, page: number): string {
  return bytes.toString('latin1', page + 4, page + 8);
}

/** One or two fields of one page of a data file; returns the page as it was. */
export function spoilPages(bytes: Buffer, random: Random): Buffer {
  const pages = Array.from({ length: bytes.length / PAGE }, (_, i) => i * PAGE);
  const used = pages.filter((page) => ['head', 'leaf', 'over'].includes(kindOf(bytes, page)));
  const page = used[random.below(used.length)] ?? 0;
  const before = Buffer.from(bytes.subarray(page, page + PAGE));
  const kind = kindOf(bytes, page);
  const fields = kind === 'head' ? HEADER_FIELDS : kind === 'leaf' ? LEAF_FIELDS : OVERFLOW_FIELDS;
  for (let count = 1 + random.below(2); count > 0; count--) {
    const field = fields[random.below(fields.length)] ?? [16, 8];
    if (kind === 'leaf' && random.chance(50)) spoilEntry(bytes, page, random);
    else spoilField(bytes, field, page, random);
  }
  const used32 = kind === 'head' ? 48 : Math.min(PAGE, Math.max(8, bytes.readUInt32LE(page + 36)));
  bytes.writeUInt32LE(crc32(bytes.subarray(page + 4, page + used32)), page);
  return before;
}

/** A length, a kind or a reference of one entry of a leaf. */
function spoilEntry(bytes: Buffer, page: number, random: Random): void {
  let at = page + 40 + bytes.readUInt16LE(page + 32) + bytes.readUInt16LE(page + 34);
  for (let skip = random.below(4); skip > 0 && at + 8 < page + PAGE; skip--) {
    const next = at + 8 + bytes.readUInt16LE(at) + bytes.readUInt32LE(at + 4);
    if (next + 28 < page + PAGE && next > at) at = next;
  }
  if (at + 28 > page + PAGE) return;
  const keyBytes = bytes.readUInt16LE(at);
  const fields: readonly Field[] = [[0, 2], [2, 2], [4, 4], [8 + keyBytes, 4], [12 + keyBytes, 4], [20 + keyBytes, 8]];
  const field = fields[random.below(fields.length)] ?? [0, 2];
  if (at + field[0] + field[1] <= page + PAGE) spoilField(bytes, field, at, random);
}

/** One or two fields of a record of the log, or bytes of it, or its length. */
export function spoilRecord(record: Buffer, random: Random): Buffer {
  const bytes = Buffer.from(record);
  const isCheckpoint = bytes.toString('latin1', 0, 4) === 'ckpg';
  for (let count = 1 + random.below(2); count > 0; count--) {
    const field = CHECKPOINT_FIELDS[random.below(CHECKPOINT_FIELDS.length)] ?? [4, 4];
    if (isCheckpoint && random.chance(70)) spoilField(bytes, field, 0, random);
    else if (random.chance(60)) spoilField(bytes, BATCH_FIELDS[random.below(BATCH_FIELDS.length)] ?? [4, 4], 0, random);
    else if (bytes.length > 0) bytes.writeUInt8(random.below(256), random.below(bytes.length));
  }
  return random.chance(15) ? bytes.subarray(0, random.below(bytes.length + 1)) : bytes;
}
