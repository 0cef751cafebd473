/** Changes the bytes of a log so that they contradict themselves or each other, and makes every checksum hold again. */
import { crc32 } from 'node:zlib';
import type { Random } from '../wal/log-machine.js';
import { oddNumber } from './cases.js';

const PAGE = 4096;

/** Fields of 8 bytes in a commit slot: see the byte table in src/wal/README.md. */
const SLOT_FIELDS = [16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96];

type Spoil = (bytes: Buffer, random: Random) => void;

/** `headers`: what says where the records are. `records`: the pages that hold them. */
export type Part = 'headers' | 'records';

/** Spoils a file of a log, once or twice, in one of its parts; returns which. */
export function spoilLog(bytes: Buffer, random: Random): Part {
  const part = random.chance(60) ? 'headers' : 'records';
  const ofRecords = [spoilPageHeader, spoilFragment, spoilFragment, movePage];
  const ways = part === 'headers' ? [spoilSlots, spoilSlots, spoilHeader] : ofRecords;
  for (let count = 1 + random.below(2); count > 0; count--) ways[random.below(ways.length)]?.(bytes, random);
  return part;
}

function sealed(bytes: Buffer, start: number, from: number, to: number, at: number): void {
  bytes.writeUInt32LE(crc32(bytes.subarray(start + from, start + to)), start + at);
}

/** Some fields of the commit point in force, in every copy, or in one slot alone. */
const spoilSlots: Spoil = (bytes, random) => {
  const headers = [0, bytes.length - PAGE];
  const slots = headers.flatMap((header) => [header + 128, header + 256]);
  const chosen = random.chance(75) ? slots : [slots[random.below(4)] ?? 128];
  for (let count = 1 + random.below(3); count > 0; count--) {
    const field = SLOT_FIELDS[random.below(SLOT_FIELDS.length)] ?? 16;
    const value = oddNumber(random, bytes.readBigUInt64LE((chosen[0] ?? 128) + field), 64);
    for (const slot of chosen) bytes.writeBigUInt64LE(value, slot + field);
  }
  for (const slot of chosen) sealed(bytes, slot, 4, 128, 0);
};

const spoilHeader: Spoil = (bytes, random) => {
  const headers = [0, bytes.length - PAGE].slice(random.below(2));
  const field = [8, 12, 16, 24][random.below(4)] ?? 8;
  for (const header of headers) {
    const at = header + field;
    if (field < 16) bytes.writeUInt32LE(Number(oddNumber(random, BigInt(bytes.readUInt32LE(at)), 32)), at);
    else bytes.writeBigUInt64LE(oddNumber(random, bytes.readBigUInt64LE(at), 64), at);
    sealed(bytes, header, 0, 32, 32);
  }
};

/** A data page that was written; undefined if there is none. */
function somePage(bytes: Buffer, random: Random): number | undefined {
  const pages: number[] = [];
  for (let start = PAGE; start < bytes.length - PAGE; start += PAGE) {
    if (bytes.toString('latin1', start + 4, start + 8) === 'page') pages.push(start);
  }
  return pages[random.below(Math.max(1, pages.length))];
}

/** Positions of the fragments of a page. */
function fragmentsIn(bytes: Buffer, page: number): number[] {
  const found: number[] = [];
  for (let at = page + 32; at <= page + PAGE - 32 && bytes.readUInt16LE(at + 6) === 0x4657; ) {
    found.push(at);
    at += 24 + Math.ceil(bytes.readUInt16LE(at + 4) / 8) * 8;
  }
  return found;
}

function sealFragment(bytes: Buffer, page: number, at: number): void {
  const end = Math.min(at + 24 + bytes.readUInt16LE(at + 4), page + PAGE);
  bytes.writeUInt32LE(crc32(bytes.subarray(at + 4, end), crc32(bytes.subarray(page + 8, page + 24))), at);
}

const spoilPageHeader: Spoil = (bytes, random) => {
  const page = somePage(bytes, random);
  if (page === undefined) return;
  const fragments = fragmentsIn(bytes, page);
  const field = [16, 24][random.below(2)] ?? 16;
  bytes.writeBigUInt64LE(oddNumber(random, bytes.readBigUInt64LE(page + field), 64), page + field);
  sealed(bytes, page, 4, 32, 0);
  for (const at of fragments) sealFragment(bytes, page, at);
};

const spoilFragment: Spoil = (bytes, random) => {
  const page = somePage(bytes, random);
  const fragments = page === undefined ? [] : fragmentsIn(bytes, page);
  const at = fragments[random.below(Math.max(1, fragments.length))];
  if (page === undefined || at === undefined) return;
  const [field, bytesOfField] = ([[4, 2], [8, 6], [14, 2], [16, 4], [20, 4]] as const)[random.below(5)] ?? [4, 2];
  const current = BigInt(bytes.readUIntLE(at + field, bytesOfField));
  const bits = (8 * bytesOfField) as 16 | 32 | 48;
  bytes.writeUIntLE(Number(oddNumber(random, current, bits)), at + field, bytesOfField);
  sealFragment(bytes, page, at);
};

/** A page in the place of another one, whole. */
const movePage: Spoil = (bytes, random) => {
  const [from, to] = [somePage(bytes, random), somePage(bytes, random)];
  if (from !== undefined && to !== undefined) bytes.copy(bytes, to, from, from + PAGE);
};
