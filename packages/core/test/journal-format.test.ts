import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JournalContent } from '../src/repair/journal/content.js';
import type { JournalIdentity } from '../src/repair/journal/format.js';
import { clippedTo } from '../src/repair/journal/content.js';
import { decodeJournal, encodeJournal, journalFits } from '../src/repair/journal/format.js';
import { assertProperty } from './seeded.js';

const UNIT = 4096;
const HEADER = 96;

const ID = '00112233445566778899aabbccddeeff';

const identity: JournalIdentity = {
  inode: 0xdead_beefn,
  birthTimeNs: 1_700_000_000_000_000_000n,
  id: ID,
  bootId: '8ec5d8f5-6a0b-4b8a-9a94-3c6d2f7b9f10',
  writtenBy: 0x12345678,
};

const sample: JournalContent = {
  intents: [
    { offset: 8192, length: 4096, content: Uint8Array.from({ length: 4096 }, (_, i) => i), fileSizeBytes: 12_388 },
    { offset: 12_288, length: 100, content: new Uint8Array(100).fill(4), fileSizeBytes: 12_388 },
  ],
  lost: [{ offset: 9000, length: 5 }],
};

const none: JournalContent = { intents: [], lost: [], blank: [] };

function decode(bytes: Uint8Array): ReturnType<typeof decodeJournal> {
  return decodeJournal(bytes, UNIT);
}

function uniform(page: number, length = UNIT): JournalContent['intents'][number] {
  return { offset: page * UNIT, length, content: new Uint8Array(length), fileSizeBytes: 2 ** 40 };
}

/** Puts a valid digest back after a change, as an attacker would. */
function sealed(bytes: Uint8Array): Uint8Array {
  const end = bytes.byteLength - 32;
  bytes.set(createHash('sha256').update(bytes.subarray(0, end)).digest(), end);
  return bytes;
}

/** A journal as version 1 wrote it. */
function versionOne(content: JournalContent): Uint8Array {
  const bytes = Buffer.from(encodeJournal(identity, content));
  const old = Buffer.concat([bytes.subarray(0, 40), bytes.subarray(HEADER)]);
  old.writeUInt32LE(1, 8);
  old.writeBigUInt64LE(BigInt(old.byteLength), 32);
  return sealed(old);
}

describe('journal format', () => {
  it('gives back what was written', () => {
    expect(decode(encodeJournal(identity, sample))).toEqual({ status: 'ok', journal: { ...sample, blank: [], identity } });
    for (const blank of [[{ offset: 9000, length: 5 }], [{ offset: 9001, length: 2 }]]) {
      const journal = { ...sample, blank, identity };
      expect(decode(encodeJournal(identity, journal))).toEqual({ status: 'ok', journal });
    }
    // The second intent is one byte over and over: its record says which.
    expect(encodeJournal(identity, sample).byteLength).toBe(HEADER + (32 + 4096) + 32 + 32 + 32);
  });

  it('reads version 1, which has no id and no boot', () => {
    const { inode, birthTimeNs } = identity;
    expect(decode(versionOne(sample))).toEqual({
      status: 'ok',
      journal: { ...sample, blank: [], identity: { inode, birthTimeNs, id: undefined, bootId: '', writtenBy: 0 } },
    });
  });

  it('writes one byte for content that is the same throughout, and only for that', () => {
    const bytesOf = (content: Uint8Array): number =>
      encodeJournal(identity, { intents: [{ offset: 0, length: content.length, content, fileSizeBytes: 8192 }], lost: [] }).byteLength;
    for (const byte of [0, 255]) expect(bytesOf(new Uint8Array(4096).fill(byte))).toBe(HEADER + 32 + 32);
    for (const at of [0, 1, 2048, 4095]) {
      const content = new Uint8Array(4096);
      content[at] = 1;
      expect(bytesOf(content), `byte ${at}`).toBe(HEADER + 32 + 4096 + 32);
    }
  });

  it('lets no length field allocate more than the limit, and says beforehand whether a journal stays under it', () => {
    const whole = Array.from({ length: 16_385 }, (_, page) => uniform(page));
    expect(journalFits({ intents: whole, lost: [] })).toBe(false);
    expect(journalFits({ intents: whole.slice(0, 16_000), lost: [{ offset: 0, length: 1 }] })).toBe(true);
    expect(decode(encodeJournal(identity, { ...none, intents: whole.slice(0, 16_384) })).status).toBe('ok');
    expect(decode(encodeJournal(identity, { ...none, intents: whole }))).toEqual({ status: 'damaged', reason: 'record 16384 is not valid' });
    const huge = Buffer.from(encodeJournal(identity, { ...none, intents: [uniform(0)] }));
    huge.writeBigUInt64LE(2n ** 50n, HEADER + 16);
    expect(decode(sealed(huge))).toMatchObject({ status: 'damaged', reason: 'record 0 is not one unit of this file' });
    const noByte = Buffer.from(encodeJournal(identity, { ...none, intents: [uniform(0)] }));
    noByte.writeUInt32LE(256, HEADER + 4);
    expect(decode(sealed(noByte))).toEqual({ status: 'damaged', reason: 'record 0 is not valid' });
  });

  it('names units that are being rebuilt without their content', () => {
    const bare = { offset: 3 * UNIT, length: UNIT, content: undefined, fileSizeBytes: 9 * UNIT };
    const bytes = encodeJournal(identity, { ...none, intents: [bare] });
    expect(bytes.byteLength).toBe(HEADER + 32 + 32);
    expect(decode(bytes)).toEqual({ status: 'ok', journal: { ...none, intents: [bare], identity } });
    const many = Array.from({ length: 100_000 }, (_, page) => ({ ...bare, offset: page * UNIT }));
    expect(journalFits({ intents: many, lost: [] })).toBe(true);
    const withDetail = Buffer.from(bytes);
    withDetail.writeUInt32LE(1, HEADER + 4);
    expect(decode(sealed(withDetail))).toEqual({ status: 'damaged', reason: 'record 0 is not valid' });
    const short = Buffer.from(bytes);
    short.writeBigUInt64LE(100n, HEADER + 16);
    short.writeBigUInt64LE(BigInt(3 * UNIT + 100), HEADER + 24);
    expect(decode(sealed(short))).toEqual({ status: 'damaged', reason: 'record 0 is not valid' });
  });

  it('of a unit that is being rebuilt, what a new size leaves is lost', () => {
    const bare = { offset: 3 * UNIT, length: UNIT, content: undefined, fileSizeBytes: 9 * UNIT };
    const content: JournalContent = { intents: [bare], lost: [{ offset: 0, length: 5 }] };
    expect(clippedTo(content, 4 * UNIT)).toBe(content);
    const lost = [{ offset: 0, length: 5 }, { offset: 3 * UNIT, length: 100 }];
    expect(clippedTo(content, 3 * UNIT + 100)).toEqual({ ...none, lost: lost });
    expect(clippedTo(content, 3 * UNIT)).toEqual({ ...none, lost: [{ offset: 0, length: 5 }] });
  });

  it('has the bytes that its table says', () => {
    const bytes = Buffer.from(encodeJournal({ ...identity, inode: 1n, birthTimeNs: 2n }, { intents: [], lost: [{ offset: 5, length: 6 }] }));
    expect(bytes.byteLength).toBe(HEADER + 32 + 32);
    expect(bytes.subarray(0, 8).toString()).toBe('PMEMRPJ\n');
    expect(bytes.subarray(8, 56).toString('hex')).toBe(
      '0200000001000000' + '0100000000000000' + '0200000000000000' + 'a000000000000000' + ID,
    );
    expect(bytes.subarray(56, 92).toString()).toBe(identity.bootId);
    expect(bytes.subarray(92, 128).toString('hex')).toBe(
      '12345678' + '0200000000000000' + '0500000000000000' + '0600000000000000' + '0000000000000000',
    );
  });

  it('notices every truncation and every changed byte', () => {
    const bytes = encodeJournal(identity, sample);
    for (let length = 0; length < bytes.byteLength; length += length < 200 ? 1 : 97) {
      expect(decode(bytes.subarray(0, length)).status, `cut to ${length}`).toBe(length < 8 ? 'foreign' : 'damaged');
    }
    for (let at = 0; at < bytes.byteLength; at += at < 200 ? 1 : 97) {
      const changed = Uint8Array.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      expect(decode(changed).status, `byte ${at}`).toBe(at < 8 ? 'foreign' : 'damaged');
    }
  });

  it('refuses a version it does not know, by name', () => {
    const bytes = Uint8Array.from(encodeJournal(identity, sample));
    bytes[8] = 3;
    expect(decode(sealed(bytes))).toEqual({ status: 'damaged', reason: 'version 3 is not known here' });
  });

  it('refuses content that would lie past its end, and bytes after its last record', () => {
    const content = Uint8Array.from({ length: 64 }, (_, i) => i);
    const beyond = Buffer.from(encodeJournal(identity, { ...none, intents: [{ offset: 0, length: 64, content, fileSizeBytes: 64 }] }));
    beyond.writeUInt32LE(4096, HEADER + 4);
    beyond.writeBigUInt64LE(4096n, HEADER + 16);
    beyond.writeBigUInt64LE(4096n, HEADER + 24);
    expect(decode(sealed(beyond))).toEqual({ status: 'damaged', reason: 'record 0 is not valid' });
    const shorter = Buffer.from(encodeJournal(identity, sample));
    shorter.writeUInt32LE(4088, HEADER + 4);
    expect(decode(sealed(shorter))).toEqual({ status: 'damaged', reason: 'record 0 is not valid' });
    const uncounted = Buffer.from(encodeJournal(identity, sample));
    uncounted.writeUInt32LE(2, 12);
    expect(decode(sealed(uncounted))).toEqual({ status: 'damaged', reason: 'bytes follow its last record' });
  });

  it('survives hostile fields under a valid digest', () => {
    const words = fc.array(fc.record({ at: fc.nat(35), value: fc.oneof(fc.bigInt(0n, 2n ** 64n - 1n), fc.bigInt(0n, 100_000n)) }), { minLength: 1, maxLength: 4 });
    assertProperty(
      fc.property(words, (changes) => {
        const bytes = Buffer.from(encodeJournal(identity, sample));
        for (const { at, value } of changes) {
          // The words of the header's counts and of the first record's header.
          const target = [8, 12, 32, HEADER, HEADER + 4, HEADER + 8, HEADER + 16, HEADER + 24][at % 8] as number;
          if (target % 8 === 0) bytes.writeBigUInt64LE(value, target);
          else bytes.writeUInt32LE(Number(value & 0xffff_ffffn), target);
        }
        const decoding = decode(sealed(bytes));
        if (decoding.status !== 'ok') return;
        const { intents, lost } = decoding.journal;
        for (const record of [...intents, ...lost]) {
          expect(Number.isSafeInteger(record.offset + record.length)).toBe(true);
          expect(record.length).toBeGreaterThan(0);
        }
        for (const { content, length } of intents) expect(content?.byteLength ?? UNIT).toBe(length);
      }),
      3000,
    );
  });
});

describe('an intent that is believed is one unit', () => {
  const intent = (offset: number, length: number, fileSizeBytes: number): JournalContent => ({
    intents: [{ offset, length, content: new Uint8Array(length).fill(1), fileSizeBytes }],
    lost: [],
  });

  it.each([
    ['a whole one', 3 * UNIT, UNIT, 9 * UNIT],
    ['what there was of the last', 5 * UNIT, 1000, 5 * UNIT + 1000],
  ])('%s', (_, offset, length, size) => {
    expect(decode(encodeJournal(identity, intent(offset, length, size))).status).toBe('ok');
  });

  it.each([
    ['not at the beginning of a unit', UNIT + 512, UNIT, 9 * UNIT],
    ['two units', 0, 2 * UNIT, 9 * UNIT],
    ['a part of a unit that is not the last', UNIT, 100, 9 * UNIT],
    ['more than the file had', UNIT, UNIT, UNIT + 100],
    ['a size that its tail does not end at', 5 * UNIT, 1000, 5 * UNIT + 1001],
  ])('and not %s', (_, offset, length, size) => {
    expect(decode(encodeJournal(identity, intent(offset, length, size)))).toMatchObject({ status: 'damaged', range: { offset, length } });
  });

  it('two tails of one file, one unit twice, or one loss twice are refused', () => {
    const tails = { intents: [...intent(0, 10, 10).intents, ...intent(UNIT, 10, UNIT + 10).intents], lost: [] };
    expect(decode(encodeJournal(identity, tails)).status).toBe('damaged');
    expect(decode(encodeJournal(identity, { ...none, intents: [uniform(1), uniform(1)] }))).toMatchObject({ status: 'damaged', range: { offset: UNIT } });
    const losses = [{ offset: 0, length: 10 }, { offset: 9, length: 10 }];
    expect(decode(encodeJournal(identity, { ...none, lost: losses }))).toMatchObject({ status: 'damaged', range: losses[1] });
  });

  it('two million of one byte are refused at the second', () => {
    const bytes = Buffer.alloc(HEADER + 2 * 32 + 32);
    Buffer.from(encodeJournal(identity, intent(0, 1, 1))).copy(bytes, 0, 0, HEADER + 32);
    bytes.copy(bytes, HEADER + 32, HEADER, HEADER + 32);
    bytes.writeUInt32LE(2, 12);
    bytes.writeBigUInt64LE(BigInt(bytes.byteLength), 32);
    expect(decode(sealed(bytes))).toMatchObject({ status: 'damaged', reason: 'record 1 is not one unit of this file' });
  });
});

describe('a journal of a file that was cut', () => {
  it('keeps what is left of its units and its losses', () => {
    const cut = clippedTo(sample, 12_300);
    expect(cut.intents.map(({ offset, length, fileSizeBytes }) => [offset, length, fileSizeBytes])).toEqual([
      [8192, 4096, 12_388],
      [12_288, 12, 12_300],
    ]);
    const blank = [{ offset: 9001, length: 3 }];
    const clipped = { lost: [{ offset: 9000, length: 2 }], blank: [{ offset: 9001, length: 1 }] };
    expect(clippedTo({ ...sample, blank }, 9002)).toMatchObject({ intents: [{ length: 810 }], ...clipped });
    expect(clippedTo(sample, 12_388)).toBe(sample);
  });
});
