/** A file with a loss, as a repair on real persistent memory leaves it: the journal beside it and the mark on it. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { ByteRange, CompleteFile } from '@safe-pmem/core';
import { PmemError, PmemFile } from '@safe-pmem/core';
import { expect } from 'vitest';
import { nativeDriver } from '../../src/index.js';
import { PAGE } from '../scratch.js';

export const LOST: ByteRange = { offset: PAGE, length: PAGE };
export const SIZE = 4 * PAGE;
const ID = '0123456789abcdef0123456789abcdef';

interface Identity {
  readonly inode: bigint;
  readonly birthTimeNs: bigint;
}

/** A journal, version 2: `lost` are lost ranges, `intended` a unit that is to be filled with one byte. */
export function journalBytes(
  identity: Identity, lost: readonly ByteRange[], intended?: { range: ByteRange; byte: number },
  bootId = '', writtenBy = '', id = ID,
): Buffer {
  const records = [
    ...(intended === undefined ? [] : [{ kind: 3, detail: intended.byte, range: intended.range, sizeBytes: SIZE }]),
    ...lost.map((range) => ({ kind: 2, detail: 0, range, sizeBytes: 0 })),
  ];
  const bytes = Buffer.alloc(96 + 32 * records.length + 32);
  bytes.write('PMEMRPJ\n', 0, 'latin1');
  bytes.writeUInt32LE(2, 8);
  bytes.writeUInt32LE(records.length, 12);
  bytes.writeBigUInt64LE(identity.inode, 16);
  bytes.writeBigInt64LE(identity.birthTimeNs, 24);
  bytes.writeBigUInt64LE(BigInt(bytes.byteLength), 32);
  bytes.write(id, 40, 16, 'hex');
  bytes.write(bootId, 56, 'latin1');
  if (writtenBy !== '') createHash('sha256').update(writtenBy).digest().copy(bytes, 92, 0, 4);
  for (const [i, { kind, detail, range, sizeBytes }] of records.entries()) {
    const at = 96 + 32 * i;
    bytes.writeUInt32LE(kind, at);
    bytes.writeUInt32LE(detail, at + 4);
    bytes.writeBigUInt64LE(BigInt(range.offset), at + 8);
    bytes.writeBigUInt64LE(BigInt(range.length), at + 16);
    bytes.writeBigUInt64LE(BigInt(sizeBytes), at + 24);
  }
  const end = bytes.byteLength - 32;
  createHash('sha256').update(bytes.subarray(0, end)).digest().copy(bytes, end);
  return bytes;
}

export async function bareFile(path: string): Promise<CompleteFile> {
  const outcome = await nativeDriver().open(path, { create: false, readOnly: false, preallocate: false, sizeBytes: undefined });
  if ('failure' in outcome) throw new Error(`errno ${outcome.failure.errno}`);
  return outcome.file;
}

/** Makes a file of ones at `path` whose page 1 is lost: a repair leaves zeros there. */
export async function makeLoss(path: string, lost: readonly ByteRange[] = [LOST]): Promise<void> {
  const bytes = Buffer.alloc(SIZE, 1);
  for (const { offset, length } of lost) bytes.fill(0, offset, offset + length);
  writeFileSync(path, bytes);
  const file = await bareFile(path);
  const mark = Buffer.from(`1 ${ID} ${file.facts.userId} ${file.facts.path}.repair`);
  const place = `${path.slice(path.lastIndexOf('/') + 1)}.repair`;
  expect(await file.writeJournal(place, { bytes: journalBytes(file.facts, lost), mark, temporary: '.repair-planting.tmp', isNew: true })).toBeUndefined();
  expect(await file.writeMark(mark)).toBeUndefined();
  await file.close();
}

interface Planted {
  readonly bootId: string;
  readonly writtenBy?: string;
  readonly lost?: readonly ByteRange[];
}

/** Replaces the journal of makeLoss(): a repair that was to fill page 1 with twos did not come to its end. */
export async function plantIntent(path: string, { bootId, writtenBy, lost = [] }: Planted): Promise<void> {
  const file = await bareFile(path);
  const bytes = journalBytes(file.facts, lost, { range: LOST, byte: 2 }, bootId, writtenBy);
  const mark = file.readMark();
  if (mark.status !== 'present') throw new Error('the file has no mark');
  const journal = { bytes, mark: mark.bytes, temporary: '.repair-planting.tmp', isNew: false };
  expect(await file.writeJournal(`${path.slice(path.lastIndexOf('/') + 1)}.repair`, journal)).toBeUndefined();
  await file.close();
}

export function open(path: string, options: Partial<Parameters<typeof PmemFile.open>[1]> = {}): Promise<PmemFile> {
  return PmemFile.open(path, { driver: nativeDriver(), ...options });
}

export async function refusal(body: () => unknown): Promise<PmemError> {
  try {
    await body();
  } catch (error) {
    if (error instanceof PmemError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

export function firstByte(file: PmemFile, position: number): number {
  return file.readUInt8(position);
}

/** Page 1 is lost under this name, and the rest is there. */
export async function expectLoss(path: string): Promise<void> {
  const file = await open(path);
  try {
    const error = await refusal(() => { file.read(new Uint8Array(SIZE), 0); });
    expect(error).toMatchObject({ code: 'ERR_PMEM_LOST', ranges: [LOST] });
    expect([0, 2 * PAGE, SIZE - 1].map((at) => firstByte(file, at))).toEqual([1, 1, 1]);
  } finally {
    await file.close();
  }
}
