// Journals of the largest size that is accepted: what they cost is counted in steps and in bytes, not in seconds.
import { createHash } from 'node:crypto';
import { Errno, PmemFile } from '@safe-pmem/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type MockDriver, mockDriver } from '../../src/index.js';
import { IS_WHOLE } from '../share.js';
import { failure, filled, PAGE, PATH, read } from './opened.js';

const JOURNAL = `${PATH}.repair`;
const LIMIT_BYTES = 64 * 1024 * 1024;

interface Record {
  readonly kind: 1 | 2 | 3;
  readonly offset: number;
  readonly length: number;
  readonly fileSizeBytes?: number;
}

/** A journal of version 1, which needs no mark, for the file at PATH. */
function journalOf(inode: bigint, birthTimeNs: bigint, records: Iterable<Record>, count: number): Buffer {
  const bytes = Buffer.alloc(40 + 32 * count + 32);
  bytes.write('PMEMRPJ\n', 0, 'latin1');
  bytes.writeUInt32LE(1, 8);
  bytes.writeUInt32LE(count, 12);
  bytes.writeBigUInt64LE(inode, 16);
  bytes.writeBigInt64LE(birthTimeNs, 24);
  bytes.writeBigUInt64LE(BigInt(bytes.byteLength), 32);
  let at = 40;
  for (const { kind, offset, length, fileSizeBytes = 0 } of records) {
    bytes.writeUInt32LE(kind, at);
    bytes.writeUInt32LE(kind === 3 ? 9 : 0, at + 4);
    bytes.writeBigUInt64LE(BigInt(offset), at + 8);
    bytes.writeBigUInt64LE(BigInt(length), at + 16);
    bytes.writeBigUInt64LE(BigInt(fileSizeBytes), at + 24);
    at += 32;
  }
  createHash('sha256').update(bytes.subarray(0, at)).digest().copy(bytes, at);
  return bytes;
}

async function withJournal(sizeBytes: number, records: Iterable<Record>, count: number): Promise<MockDriver> {
  const driver = mockDriver({ dax: false, extendedAttributes: false });
  const file = await filled(driver, PAGE);
  await file.resize(sizeBytes);
  await file.close();
  const bare = await driver.open(PATH, { create: false, readOnly: false, preallocate: false, sizeBytes: undefined });
  if ('failure' in bare) throw new Error('the file is there');
  const { inode, birthTimeNs } = bare.file.facts;
  await bare.file.close();
  driver.writeFile(JOURNAL, journalOf(inode, birthTimeNs, records, count));
  return driver;
}

function* descending(count: number, stepBytes: number, length: number, kind: 1 | 2 | 3 = 2): Generator<Record> {
  // Each ends a file of its own size: the last unit of a file may be shorter.
  for (let offset = (count - 1) * stepBytes; offset >= 0; offset -= stepBytes) {
    yield { kind, offset, length, fileSizeBytes: offset + length };
  }
}

afterEach(() => {
  vi.restoreAllMocks();
});

/** Elements that splice() moves or removes, over `body`: what makes a list of ranges quadratic. */
async function splicedElements(body: () => Promise<void>): Promise<number> {
  let moved = 0;
  const splice = Array.prototype.splice;
  vi.spyOn(Array.prototype, 'splice').mockImplementation(function (this: unknown[], start: number, ...rest: unknown[]) {
    moved += Math.max(0, this.length - start);
    return Reflect.apply(splice, this, [start, ...rest]) as unknown[];
  });
  await body();
  vi.restoreAllMocks();
  return moved;
}

describe('80,000 losses in descending order', () => {
  const count = 80_000;
  it('are taken in at once: no list of them is moved along for each', async () => {
    const driver = await withJournal(count * 16, descending(count, 16, 8), count);
    const moved = await splicedElements(async () => {
      const file = await PmemFile.open(PATH, { driver });
      const error = await failure('ERR_PMEM_LOST', () => read(file, 0, 16 * count));
      expect(error.ranges).toHaveLength(count);
      expect(error.ranges[0]).toEqual({ offset: 0, length: 8 });
      expect(error.message.length).toBeLessThan(1000);
      await file.close();
    });
    // Linear work would move each a few times; a list that is moved along for each moves 3,200 million.
    expect(moved).toBeLessThan(20 * count);
  });
});

describe('two million intents', () => {
  it('of one byte each are refused at the second, before anything is made of them', async () => {
    const count = Math.floor((LIMIT_BYTES - 72) / 32);
    expect(count).toBeGreaterThan(2_000_000);
    const driver = await withJournal(PAGE, descending(count, PAGE, 1, 3), count);
    let made = 0;
    const fill = vi.spyOn(Uint8Array.prototype, 'fill').mockImplementation(function (this: Uint8Array) {
      made += this.length === 1 ? 1 : 0;
      return this;
    });
    const error = await failure('ERR_PMEM_JOURNAL', () => PmemFile.open(PATH, { driver }));
    fill.mockRestore();
    expect(error.message).toContain('record 1 is not one unit of this file');
    expect(error.ranges).toEqual([{ offset: (count - 2) * PAGE, length: 1 }]);
    expect(made).toBe(1);
  });

  it('of whole units are refused once they would hold more than a journal may, whatever their number', async () => {
    const units = LIMIT_BYTES / PAGE + 1;
    const driver = await withJournal(PAGE, descending(units, PAGE, PAGE, 3), units);
    let allocated = 0;
    const fill = vi.spyOn(Uint8Array.prototype, 'fill').mockImplementation(function (this: Uint8Array) {
      allocated += this.length === PAGE ? PAGE : 0;
      return this;
    });
    const error = await failure('ERR_PMEM_JOURNAL', () => PmemFile.open(PATH, { driver }));
    fill.mockRestore();
    expect(error.message).toContain(`record ${units - 1} is not valid`);
    expect(allocated).toBeLessThanOrEqual(LIMIT_BYTES);
  });

  it('that name one unit again and again are refused as soon as they are sorted', async () => {
    const twice: Record[] = [0, 0].map((offset) => ({ kind: 3, offset, length: PAGE, fileSizeBytes: PAGE }));
    const driver = await withJournal(PAGE, twice, 2);
    expect((await failure('ERR_PMEM_JOURNAL', () => PmemFile.open(PATH, { driver }))).message).toContain('twice');
  });
});

// Takes seconds: 64 MiB of bad pages.
it.runIf(IS_WHOLE)('a device flushes nothing: a repair ends before open() would refuse its journal', async () => {
  const pageBytes = 65_536;
  const driver = mockDriver({ kernel: '5.10', pageBytes });
  const all = { offset: 0, length: LIMIT_BYTES };
  driver.writeFile(PATH, new Uint8Array(all.length).fill(1));
  driver.poison(PATH, all);
  const file = await PmemFile.open(PATH, { driver });
  const stop = driver.observe(({ name }) => (name === 'sync' ? { errno: Errno.EIO } : undefined));
  const error = await failure('ERR_PMEM_REPAIR_FAILED', () => file.repair(all, { fill: 7 }));
  stop();
  expect(error.message).toContain('the repair journal would grow too large; nothing was touched');
  const batchBytes = 8 * 1024 * 1024;
  expect(error.ranges).toEqual([{ offset: all.length - batchBytes, length: batchBytes }]);
  await file.close();
  const again = await PmemFile.open(PATH, { driver });
  expect(read(again, all.length - batchBytes - 1, 1)).toEqual(Uint8Array.of(7));
  await failure('ERR_PMEM_MEDIA', () => read(again, all.length - batchBytes, 1));
  await again.repair(all, { fill: 9 });
  expect(read(again, all.length - batchBytes - 1, 2)).toEqual(Uint8Array.of(7, 9));
});
