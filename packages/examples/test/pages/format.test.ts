/** The bytes are what the tables in format.ts and in the README say: read here by offset, without the code under test. */
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { decodeHeaderPage, encodeHeaderPage } from '../../src/pages/header-page.js';
import { decodeLeaf, encodeLeaf } from '../../src/pages/leaf-page.js';
import { checkpointBytesOf, encodeCheckpoint } from '../../src/pages/checkpoint-record.js';
import { decodeRecord, encodeBatch } from '../../src/pages/log-record.js';
import { decodeOverflow, encodeOverflow } from '../../src/pages/overflow-page.js';

const identity = { storeId: 0x0102030405060708n, slot: 9 };
const reference = { slot: 5, length: 70_000, checksum: 0xdeadbeef, generation: 3 };
const leaf = {
  low: Buffer.from('a'),
  high: Buffer.from('mm'),
  lost: true,
  keys: [Buffer.from('b'), Buffer.from('cc'), Buffer.from('d')],
  values: [Buffer.from('value'), reference, undefined],
};

describe('a leaf page', () => {
  test('field by field', () => {
    const page = encodeLeaf(identity, 77, leaf);
    expect(page).toHaveLength(4096);
    expect(page.toString('latin1', 4, 8)).toBe('leaf');
    expect([page.readBigUInt64LE(8), page.readBigUInt64LE(16)]).toEqual([identity.storeId, 77n]);
    expect([page.readUInt32LE(24), page.readUInt16LE(28), page.readUInt16LE(30)]).toEqual([9, 3, 1]);
    expect([page.readUInt16LE(32), page.readUInt16LE(34), page.toString('latin1', 40, 43)]).toEqual([1, 2, 'amm']);
    expect([page.readUInt16LE(43), page.readUInt16LE(45), page.readUInt32LE(47), page.toString('latin1', 51, 57)]).toEqual([1, 0, 5, 'bvalue']);
    expect([page.readUInt16LE(57), page.readUInt16LE(59), page.readUInt32LE(61), page.toString('latin1', 65, 67)]).toEqual([2, 1, 20, 'cc']);
    expect([page.readUInt32LE(67), page.readUInt32LE(71), page.readUInt32LE(75), page.readBigUInt64LE(79)]).toEqual([5, 70_000, 0xdeadbeef, 3n]);
    expect([page.readUInt16LE(87), page.readUInt16LE(89), page.readUInt32LE(91), page.toString('latin1', 95, 96)]).toEqual([1, 2, 0, 'd']);
    expect([page.readUInt32LE(36), page.readUInt32LE(0)]).toEqual([96, crc32(page.subarray(4, 96))]);
    expect(page.subarray(96).every((byte) => byte === 0)).toBe(true);
  });

  test('comes back as it was, in its own place alone', () => {
    const page = encodeLeaf(identity, 77, leaf);
    expect(decodeLeaf(page, identity)).toEqual({ ...leaf, generation: 77, entryBytes: 53 });
    expect(decodeLeaf(page, { ...identity, slot: 8 })).toBeUndefined();
    expect(decodeLeaf(page, { ...identity, storeId: 1n })).toBeUndefined();
    expect(decodeLeaf(Buffer.alloc(4096), identity)).toBeUndefined();
    const last = encodeLeaf(identity, 1, { ...leaf, high: undefined, lost: false });
    expect([last.readUInt16LE(30), decodeLeaf(last, identity)?.high]).toEqual([2, undefined]);
  });

  test('with any byte changed is none', () => {
    const page = encodeLeaf(identity, 77, leaf);
    for (let at = 0; at < 96; at++) {
      const changed = Buffer.from(page);
      changed.writeUInt8(changed.readUInt8(at) ^ 0x10, at);
      expect([at, decodeLeaf(changed, identity)]).toEqual([at, undefined]);
    }
  });
});

describe('an overflow page', () => {
  const content = { generation: 6, index: 2, next: 11, piece: Buffer.from('a piece') };

  test('field by field', () => {
    const page = encodeOverflow(identity, content);
    expect([page.toString('latin1', 4, 8), page.readBigUInt64LE(8), page.readBigUInt64LE(16)]).toEqual(['over', identity.storeId, 6n]);
    expect([24, 28, 32, 36].map((offset) => page.readUInt32LE(offset))).toEqual([9, 11, 2, 47]);
    expect([page.toString('latin1', 40, 47), page.readUInt32LE(0)]).toEqual(['a piece', crc32(page.subarray(4, 47))]);
  });

  test('comes back as it was; with any byte changed is none', () => {
    const page = encodeOverflow(identity, content);
    expect(decodeOverflow(page, identity)).toEqual(content);
    expect(decodeOverflow(page, { ...identity, slot: 8 })).toBeUndefined();
    expect(decodeOverflow(page, { ...identity, storeId: 1n })).toBeUndefined();
    for (let at = 0; at < 47; at++) {
      const changed = Buffer.from(page);
      changed.writeUInt8(changed.readUInt8(at) ^ 0x10, at);
      expect([at, decodeOverflow(changed, identity)]).toEqual([at, undefined]);
    }
  });
});

test('a header page', () => {
  const page = encodeHeaderPage({ storeId: 3n, fileId: 4n, inForce: 0x010203040506, attempts: 2 });
  expect([page.toString('latin1', 4, 16), page.readUInt32LE(16), page.readUInt32LE(20)]).toEqual(['headsafe-pgs', 1, 4096]);
  expect([page.readBigUInt64LE(24), page.readBigUInt64LE(32), page.readUInt32LE(0)]).toEqual([3n, 4n, crc32(page.subarray(4, 48))]);
  expect([page.readUIntLE(40, 6), page.readUInt16LE(46)]).toEqual([0x010203040506, 2]);
  const header = { storeId: 3n, fileId: 4n, inForce: 0x010203040506, attempts: 2 };
  expect(decodeHeaderPage(page)).toEqual({ status: 'valid', header });
  expect(encodeHeaderPage({ ...header, attempts: 70_000 }).readUInt16LE(46)).toBe(65535);
  page.writeUInt8(1, 40);
  expect(decodeHeaderPage(page)).toEqual({ status: 'none' });
  expect(decodeHeaderPage(Buffer.alloc(4096))).toEqual({ status: 'none' });
});

describe('records of the log', () => {
  test('a batch', () => {
    const changes = [
      { type: 'put', key: Buffer.from('k'), value: Buffer.from('val') },
      { type: 'del', key: Buffer.from('gone') },
      { type: 'clear', from: Buffer.from('a'), to: Buffer.from('bb') },
      { type: 'clear', from: Buffer.from('x'), to: undefined },
    ] as const;
    const record = encodeBatch(changes);
    expect([record.toString('latin1', 0, 4), record.readUInt32LE(4)]).toEqual(['btch', 4]);
    expect([record.readUInt16LE(8), record.readUInt16LE(10), record.readUInt32LE(12), record.toString('latin1', 16, 20)]).toEqual([1, 1, 3, 'kval']);
    expect([record.readUInt16LE(20), record.readUInt16LE(22), record.readUInt32LE(24), record.toString('latin1', 28, 32)]).toEqual([2, 4, 0, 'gone']);
    expect([record.readUInt16LE(32), record.readUInt16LE(34), record.readUInt32LE(36), record.toString('latin1', 40, 43)]).toEqual([4, 1, 2, 'abb']);
    expect([record.readUInt16LE(43), record.readUInt32LE(47), record.length]).toEqual([3, 0, 52]);
    expect(decodeRecord(record)).toEqual({ type: 'batch', changes });
  });

  test('a clear up to the empty key is not one up to the end', () => {
    const changes = [{ type: 'clear', from: Buffer.from('c'), to: Buffer.alloc(0) }] as const;
    expect(decodeRecord(encodeBatch(changes))).toEqual({ type: 'batch', changes });
  });

  test('a clear as earlier versions wrote it, with an end and without', () => {
    const record = Buffer.from('btch\x02\0\0\0' + '\x03\0\x01\0\x02\0\0\0abb' + '\x03\0\x01\0\0\0\0\0x', 'latin1');
    const changes = [
      { type: 'clear', from: Buffer.from('a'), to: Buffer.from('bb') },
      { type: 'clear', from: Buffer.from('x'), to: undefined },
    ];
    expect(decodeRecord(record)).toEqual({ type: 'batch', changes });
  });

  test('bounds longer than every key, as earlier versions wrote them, keep their meaning in fewer bytes', () => {
    const [from, to] = [Buffer.alloc(5000, 'f'), Buffer.alloc(1001, 't')];
    const record = Buffer.alloc(16 + from.length + to.length);
    record.write('btch\x01\0\0\0\x03\0', 'latin1');
    record.writeUInt16LE(from.length, 10);
    record.writeUInt32LE(to.length, 12);
    record.set(from, 16);
    record.set(to, 16 + from.length);
    const shorter = Buffer.from('f'.repeat(1000) + '\0');
    expect(decodeRecord(record)).toEqual({ type: 'batch', changes: [{ type: 'clear', from: shorter, to }] });
  });

  test.each([
    ['ends in the middle of a change', (record: Buffer) => record.subarray(0, -1)],
    ['ends after a change of several', (record: Buffer) => record.subarray(0, 20)],
    ['goes on after its changes', (record: Buffer) => Buffer.concat([record, Buffer.alloc(1)])],
    ['counts more changes than it has room for', (record: Buffer) => (record.writeUInt32LE(0xffffffff, 4), record)],
    ['has a change of an unknown kind', (record: Buffer) => (record.writeUInt16LE(5, 8), record)],
    ['has a change of kind 0', (record: Buffer) => (record.writeUInt16LE(0, 8), record)],
    ['deletes a key and gives it a value', (record: Buffer) => (record.writeUInt16LE(2, 8), record)],
  ])('a batch that %s is refused', (_, spoil) => {
    const changes = [
      { type: 'put', key: Buffer.from('k'), value: Buffer.from('val') },
      { type: 'del', key: Buffer.from('gone') },
    ] as const;
    expect(() => decodeRecord(spoil(encodeBatch(changes)))).toThrow(TypeError);
  });

  const ids = { storeId: 1n, fileId: 4n, mirrorId: 5n };

  test('a checkpoint', () => {
    const bits = { slotCount: 11, leaves: Buffer.from([0b110, 0b100]), leafGenerations: [1, 300, 299] };
    const checkpoint = { ...ids, generation: 300, covers: 3, ...bits };
    const record = encodeCheckpoint(checkpoint);
    expect([record.toString('latin1', 0, 4), record.readUInt32LE(4), record.length]).toEqual(['ckpg', 11, 64]);
    expect([8, 16, 24, 32, 40].map((offset) => record.readBigUInt64LE(offset))).toEqual([1n, 300n, 3n, 4n, 5n]);
    expect([record.readUInt32LE(48), record.readUInt32LE(52), record[56], record[57]]).toEqual([3, 2, 6, 4]);
    expect([58, 60, 62].map((offset) => record.readUInt16LE(offset))).toEqual([299, 0, 1]);
    expect(decodeRecord(record)).toEqual({ type: 'checkpoint', checkpoint });
    expect(record.length).toBeLessThanOrEqual(checkpointBytesOf(11, 300));
  });

  test('a checkpoint as earlier versions wrote it', () => {
    const checkpoint = { ...ids, generation: 2, covers: 3, slotCount: 11, leaves: Buffer.from([6, 4]), leafGenerations: undefined };
    const record = encodeCheckpoint(checkpoint);
    expect([record.toString('latin1', 0, 4), record.readUInt32LE(4), record.length]).toEqual(['ckpt', 11, 50]);
    expect([8, 16, 24, 32, 40].map((offset) => record.readBigUInt64LE(offset))).toEqual([1n, 2n, 3n, 4n, 5n]);
    expect([record[48], record[49]]).toEqual([6, 4]);
    expect(decodeRecord(record)).toEqual({ type: 'checkpoint', checkpoint });
  });

  test.each<readonly [string, (record: Buffer) => unknown]>([
    ['ends in its header', (record) => record.subarray(0, 40)],
    ['has more slots than bits', (record) => record.writeUInt32LE(0xffffffff, 4)],
    ['has the header for a leaf', (record) => record.writeUInt8(7, 56)],
    ['has a leaf after its last slot', (record) => record.writeUInt8(0xa, 57)],
    ['has fewer ages than leaves', (record) => (record.writeUInt32LE(2, 48), record.subarray(0, 62))],
    ['has more ages than leaves', (record) => (record.writeUInt32LE(4, 48), Buffer.concat([record, Buffer.alloc(2)]))],
    ['has ages of no bytes', (record) => (record.writeUInt32LE(0, 52), record.subarray(0, 58))],
    ['has ages of seven bytes', (record) => record.writeUInt32LE(7, 52)],
    ['has a leaf that is older than the store', (record) => record.writeUInt16LE(300, 58)],
    ['has a number beyond 2^53', (record) => record.writeBigUInt64LE(2n ** 53n, 16)],
    ['covers a batch beyond 2^53', (record) => record.writeBigUInt64LE(2n ** 64n - 1n, 24)],
  ])('a checkpoint that %s is refused', (_, spoil) => {
    const bits = { slotCount: 11, leaves: Buffer.from([0b110, 0b100]), leafGenerations: [1, 300, 299] };
    const record = encodeCheckpoint({ ...ids, generation: 300, covers: 3, ...bits });
    const spoilt = spoil(record);
    expect(() => decodeRecord(Buffer.isBuffer(spoilt) ? spoilt : record)).toThrow(TypeError);
  });

  test('anything else is refused', () => {
    for (const bytes of ['', 'short', 'a record of another program']) expect(() => decodeRecord(Buffer.from(bytes))).toThrow(TypeError);
  });
});
