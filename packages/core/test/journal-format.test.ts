import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JournalContent } from '../src/repair/journal-format.js';
import { decodeJournal, encodeJournal, journalFits } from '../src/repair/journal-format.js';
import { assertProperty } from './seeded.js';

const sample: JournalContent = {
  inode: 0xdead_beefn,
  birthTimeNs: 1_700_000_000_000_000_000n,
  intents: [
    { offset: 8192, length: 4096, content: Uint8Array.from({ length: 4096 }, (_, i) => i), fileSizeBytes: 12_388 },
    { offset: 12_288, length: 100, content: new Uint8Array(100).fill(4), fileSizeBytes: 12_388 },
  ],
  tombstones: [{ offset: 9000, length: 5 }],
};

/** Puts a valid digest back after a change, as an attacker would. */
function sealed(bytes: Uint8Array): Uint8Array {
  const end = bytes.byteLength - 32;
  bytes.set(createHash('sha256').update(bytes.subarray(0, end)).digest(), end);
  return bytes;
}

describe('journal format', () => {
  it('gives back what was written', () => {
    expect(decodeJournal(encodeJournal(sample))).toEqual({ status: 'ok', content: sample });
    // The second intent is one byte over and over: its record says which.
    expect(encodeJournal(sample).byteLength).toBe(40 + (32 + 4096) + 32 + 32 + 32);
  });

  it('writes one byte for content that is the same throughout, and only for that', () => {
    const bytesOf = (content: Uint8Array): number =>
      encodeJournal({ ...sample, intents: [{ offset: 0, length: content.length, content, fileSizeBytes: 8192 }], tombstones: [] }).byteLength;
    for (const byte of [0, 255]) expect(bytesOf(new Uint8Array(4096).fill(byte))).toBe(40 + 32 + 32);
    for (const at of [0, 1, 2048, 4095]) {
      const content = new Uint8Array(4096);
      content[at] = 1;
      expect(bytesOf(content), `byte ${at}`).toBe(40 + 32 + 4096 + 32);
    }
  });

  it('lets no length field allocate more than the limit, and says beforehand whether a journal stays under it', () => {
    const uniform = (length: number): JournalContent['intents'][number] => ({ offset: 0, length, content: new Uint8Array(length), fileSizeBytes: 2 ** 30 });
    const megabytes = Array.from({ length: 65 }, () => uniform(2 ** 20));
    expect(journalFits(megabytes, 0)).toBe(false);
    expect(journalFits(megabytes.slice(0, 63), 1)).toBe(true);
    expect(decodeJournal(encodeJournal({ ...sample, intents: megabytes.slice(0, 64) })).status).toBe('ok');
    expect(decodeJournal(encodeJournal({ ...sample, intents: megabytes }))).toEqual({ status: 'damaged', reason: 'record 64 is not valid' });
    const huge = Buffer.from(encodeJournal({ ...sample, intents: [uniform(4096)], tombstones: [] }));
    huge.writeBigUInt64LE(2n ** 50n, 56);
    expect(decodeJournal(sealed(huge))).toEqual({ status: 'damaged', reason: 'record 0 is not valid' });
    const noByte = Buffer.from(encodeJournal({ ...sample, intents: [uniform(4096)], tombstones: [] }));
    noByte.writeUInt32LE(256, 44);
    expect(decodeJournal(sealed(noByte))).toEqual({ status: 'damaged', reason: 'record 0 is not valid' });
  });

  it('has the bytes that its table says', () => {
    const bytes = Buffer.from(encodeJournal({ inode: 1n, birthTimeNs: 2n, intents: [], tombstones: [{ offset: 5, length: 6 }] }));
    expect(bytes.byteLength).toBe(40 + 32 + 32);
    expect(bytes.subarray(0, 8).toString()).toBe('PMEMRPJ\n');
    expect(bytes.subarray(8, 72).toString('hex')).toBe(
      '0100000001000000' + '0100000000000000' + '0200000000000000' + '6800000000000000' +
      '0200000000000000' + '0500000000000000' + '0600000000000000' + '0000000000000000',
    );
  });

  it('notices every truncation and every changed byte', () => {
    const bytes = encodeJournal(sample);
    for (let length = 0; length < bytes.byteLength; length += length < 200 ? 1 : 97) {
      expect(decodeJournal(bytes.subarray(0, length)).status, `cut to ${length}`).toBe('damaged');
    }
    for (let at = 0; at < bytes.byteLength; at += at < 200 ? 1 : 97) {
      const changed = Uint8Array.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      expect(decodeJournal(changed).status, `byte ${at}`).toBe('damaged');
    }
  });

  it('refuses a version it does not know, by name', () => {
    const bytes = Uint8Array.from(encodeJournal(sample));
    bytes[8] = 2;
    expect(decodeJournal(sealed(bytes))).toEqual({ status: 'damaged', reason: 'version 2 is not known here' });
  });

  it('refuses content that would lie behind its end, and bytes behind its last record', () => {
    const beyond = Buffer.from(encodeJournal({ inode: 1n, birthTimeNs: 2n, intents: [{ offset: 0, length: 64, content: Uint8Array.from({ length: 64 }, (_, i) => i), fileSizeBytes: 64 }], tombstones: [] }));
    beyond.writeUInt32LE(4096, 44);
    beyond.writeBigUInt64LE(4096n, 56);
    expect(decodeJournal(sealed(beyond))).toEqual({ status: 'damaged', reason: 'record 0 is not valid' });
    const shorter = Buffer.from(encodeJournal(sample));
    shorter.writeUInt32LE(4088, 44);
    expect(decodeJournal(sealed(shorter))).toEqual({ status: 'damaged', reason: 'record 0 is not valid' });
    const uncounted = Buffer.from(encodeJournal(sample));
    uncounted.writeUInt32LE(2, 12);
    expect(decodeJournal(sealed(uncounted))).toEqual({ status: 'damaged', reason: 'bytes follow its last record' });
  });

  it('survives hostile fields under a valid digest', () => {
    const words = fc.array(fc.record({ at: fc.nat(35), value: fc.oneof(fc.bigInt(0n, 2n ** 64n - 1n), fc.bigInt(0n, 100_000n)) }), { minLength: 1, maxLength: 4 });
    assertProperty(
      fc.property(words, (changes) => {
        const bytes = Buffer.from(encodeJournal(sample));
        for (const { at, value } of changes) {
          // The words of the header's counts and of the first record's header.
          const target = [8, 12, 32, 40, 44, 48, 56, 64][at % 8] as number;
          if (target % 8 === 0) bytes.writeBigUInt64LE(value, target);
          else bytes.writeUInt32LE(Number(value & 0xffff_ffffn), target);
        }
        const decoding = decodeJournal(sealed(bytes));
        if (decoding.status === 'damaged') return;
        for (const record of [...decoding.content.intents, ...decoding.content.tombstones]) {
          expect(Number.isSafeInteger(record.offset + record.length)).toBe(true);
          expect(record.length).toBeGreaterThan(0);
        }
        for (const intent of decoding.content.intents) expect(intent.content.byteLength).toBe(intent.length);
      }),
      3000,
    );
  });
});
