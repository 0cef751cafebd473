// A file with losses, as repairs that nobody supplied leave it: zeros there, a journal beside it, and the mark on it.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { nativeDriver } from '@safe-pmem/native';
import { PAGE } from './content.mjs';

const ID = '0123456789abcdef0123456789abcdef';
const HEADER = 96;
const RECORD = 32;
const DIGEST = 32;

/**
 * Journal format 2 (packages/core/src/repair/journal/format.ts), with `count` losses. `isBlank`: it says that
 * they are zeros.
 */
function journalBytes({ inode, birthTimeNs }, count, lossAt, isBlank) {
  const bytes = Buffer.alloc(HEADER + RECORD * count + DIGEST);
  bytes.write('PMEMRPJ\n', 0, 'latin1');
  bytes.writeUInt32LE(2, 8);
  bytes.writeUInt32LE(count, 12);
  bytes.writeBigUInt64LE(inode, 16);
  bytes.writeBigInt64LE(birthTimeNs, 24);
  bytes.writeBigUInt64LE(BigInt(bytes.length), 32);
  bytes.write(ID, 40, 16, 'hex');
  for (let i = 0; i < count; i++) {
    const at = HEADER + RECORD * i;
    const { offset, length } = lossAt(i);
    bytes.writeUInt32LE(2, at);
    bytes.writeUInt32LE(isBlank ? 1 : 0, at + 4);
    bytes.writeBigUInt64LE(BigInt(offset), at + 8);
    bytes.writeBigUInt64LE(BigInt(length), at + 16);
  }
  const end = bytes.length - DIGEST;
  createHash('sha256').update(bytes.subarray(0, end)).digest().copy(bytes, end);
  return bytes;
}

/** Makes the file of `content`, in which the pages `lost`, in ascending order, are lost. */
export async function plantLosses(name, content, lost, isBlank = false) {
  const bytes = Buffer.from(content);
  for (const page of lost) bytes.fill(0, page * PAGE, (page + 1) * PAGE);
  writeFileSync(name, bytes);
  const lossAt = (i) => ({ offset: lost[i] * PAGE, length: PAGE });
  if (lost.length > 0) await plantJournal(name, lost.length, lossAt, isBlank);
}

/** A journal for the file at `name`, which is there. `lossAt(i)` is the range of the loss number i, ascending. */
export async function plantJournal(name, count, lossAt, isBlank = false) {
  const request = { create: false, readOnly: false, preallocate: false, sizeBytes: undefined };
  const { file, failure } = await nativeDriver().open(name, request);
  if (failure !== undefined) throw new Error(`cannot plant losses in ${name}: errno ${failure.errno}`);
  const mark = Buffer.from(`1 ${ID} ${file.facts.userId} ${file.facts.path}.repair`);
  const journal = { bytes: journalBytes(file.facts, count, lossAt, isBlank), mark, temporary: '.repair-planting.tmp', isNew: true };
  const marked = async () => (file.readMark().status === 'unsupported' ? undefined : file.writeMark(mark));
  const problem = (await file.writeJournal(`${path.basename(name)}.repair`, journal)) ?? (await marked());
  await file.close();
  if (problem !== undefined) throw new Error(`cannot plant losses in ${name}: errno ${problem.errno}`);
}
