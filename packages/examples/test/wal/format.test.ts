import { describe, expect, test } from 'vitest';
import { crc32 } from '../../src/wal/format/crc32.js';
import { encodeFragment, encodePageHeader, parsePage } from '../../src/wal/format/data-page.js';
import { getUint64, setUint64, viewOf } from '../../src/wal/format/format.js';
import { decodeHeaderPage, encodeHeaderPage } from '../../src/wal/format/header-page.js';

const logId = 0x1122334455667788n;
const identity = { logId, pageNumber: 0x0102030405 };
const point = {
  generation: 7,
  era: 5,
  headPage: 3,
  firstSequence: 40,
  certainOffset: 4 * 4096 + 64,
  certainSequence: 90,
  endOffset: 5 * 4096 + 96,
  lastSequence: 99,
  doubtful: { first: 41, last: 42 },
  reservedThrough: 107,
  pairId: 0xabcdn,
};

describe('header page', () => {
  test('lays its fields out as the byte table says', () => {
    const page = encodeHeaderPage({ logId, pageCount: 16 }, point);
    expect(page.length).toBe(4096);
    expect(hex(page, 0, 36)).toBe(
      ['736166652d77616c', '03000000', '00100000', '1000000000000000', '8877665544332211'].join('') +
        le32(crc32(page.subarray(0, 32))),
    );
    // Generation 7 is odd: slot 1, at byte 256.
    expect(hex(page, 64, 192)).toBe('00'.repeat(192));
    expect(hex(page, 256, 112)).toBe(
      [
        le32(crc32(page.subarray(260, 384))),
        '636d6974',
        '8877665544332211',
        '0700000000000000',
        '0300000000000000',
        '2800000000000000',
        '6050000000000000',
        '6300000000000000',
        'cdab000000000000',
        '4040000000000000',
        '5a00000000000000',
        '0500000000000000',
        '2900000000000000',
        '2a00000000000000',
        '6b00000000000000',
      ].join(''),
    );
    expect(page.subarray(368).every((byte) => byte === 0)).toBe(true);
  });

  test('is read back', () => {
    expect(decodeHeaderPage(encodeHeaderPage({ logId, pageCount: 16 }, point))).toEqual({
      status: 'valid',
      header: { logId, pageCount: 16 },
      slots: [undefined, point],
      commitPoint: point,
    });
  });

  test('zeros are blank, any damaged byte of the fixed part is noticed, another version is named', () => {
    expect(decodeHeaderPage(new Uint8Array(4096)).status).toBe('blank');
    for (let at = 0; at < 36; at++) {
      const page = encodeHeaderPage({ logId, pageCount: 16 }, point);
      page[at] = (page[at] as number) ^ 0x10;
      expect(decodeHeaderPage(page).status).toBe(at < 8 ? 'foreign' : 'damaged');
    }
    const page = encodeHeaderPage({ logId, pageCount: 16 }, point);
    viewOf(page).setUint32(8, 1, true);
    viewOf(page).setUint32(32, crc32(page.subarray(0, 32)), true);
    expect(decodeHeaderPage(page)).toEqual({ status: 'other-version', version: 1 });
  });

  test('a slot with any damaged byte, or of another log, is no commit point', () => {
    for (let at = 256; at < 384; at++) {
      const page = encodeHeaderPage({ logId, pageCount: 16 }, point);
      page[at] = (page[at] as number) ^ 0x01;
      expect(decodeHeaderPage(page)).toMatchObject({ status: 'valid', commitPoint: undefined });
    }
    const page = encodeHeaderPage({ logId, pageCount: 16 }, point);
    page.set(encodeHeaderPage({ logId: 1n, pageCount: 16 }, { ...point, generation: 8 }).subarray(128, 256), 128);
    expect(decodeHeaderPage(page)).toMatchObject({ commitPoint: { generation: 7 } });
  });

  test('a slot whose checksum is right and that names what a log cannot hold is no commit point', () => {
    const impossible: Partial<typeof point>[] = [
      { generation: 0 },
      { era: 0 },
      { headPage: 5 },
      { headPage: 2 ** 52 },
      { firstSequence: 0 },
      { firstSequence: 101 },
      { firstSequence: 1, certainSequence: 2 ** 30, lastSequence: 2 ** 30 },
      { certainOffset: 6 * 4096 },
      { certainOffset: 4 * 4096 + 16 },
      { certainSequence: 100 },
      { certainSequence: 38 },
      { endOffset: 5 * 4096 + 97 },
      { endOffset: 5 * 4096 + 24 },
      { endOffset: 17 * 4096 + 64 },
      { endOffset: 2 ** 53 - 4096 },
      { lastSequence: 2 ** 48 },
      { doubtful: { first: 42, last: 41 } },
      { doubtful: { first: 0, last: 41 } },
      { doubtful: { first: 41, last: 100 } },
    ];
    for (const change of impossible) {
      const page = encodeHeaderPage({ logId, pageCount: 16 }, { ...point, ...change, generation: change.generation ?? 7 });
      expect([change, decodeHeaderPage(page)]).toMatchObject([change, { status: 'valid', commitPoint: undefined }]);
    }
  });

  test('the higher generation is in force', () => {
    const page = encodeHeaderPage({ logId, pageCount: 16 }, point);
    const older = encodeHeaderPage({ logId, pageCount: 16 }, { ...point, generation: 6 });
    page.set(older.subarray(128, 256), 128);
    expect(decodeHeaderPage(page)).toMatchObject({ commitPoint: { generation: 7 } });
  });
});

describe('data page', () => {
  const page = samplePage();

  test('lays page header and fragment out as the byte table says', () => {
    expect(hex(page, 0, 32)).toBe(
      [le32(crc32(page.subarray(4, 32))), '70616765', '8877665544332211', '0504030201000000', '0900000000000000'].join(
        '',
      ),
    );
    const covered = crc32(page.subarray(36, 61), crc32(page.subarray(8, 24)));
    expect(hex(page, 32, 32)).toBe(
      [le32(covered), '0500', '5746', '090000000000', '0300', '05000000', '00000000', '68656c6c6f000000'].join(''),
    );
  });

  test('is read back up to the limit', () => {
    const parsed = parsePage(page, 4096, 96, identity);
    expect(parsed).toMatchObject({ state: 'full', verifiedBytes: 96 });
    expect(parsed.fragments.map(({ sequence, offset, payload }) => [sequence, offset, text(payload)])).toEqual([
      [9, 0, 'hello'],
      [10, 0, 'world'],
    ]);
    expect(parsePage(page, 4096, 64, identity).fragments.map((fragment) => fragment.sequence)).toEqual([9]);
    expect(parsePage(page, 4096, 4096, identity).state).toBe('short');
  });

  test('all zeros are no page and no record', () => {
    expect(parsePage(new Uint8Array(4096), 4096, 4096, { logId: 0n, pageNumber: 0 }).fragments).toEqual([]);
    const erased = page.slice();
    erased.fill(0, 64);
    expect(parsePage(erased, 4096, 96, identity)).toMatchObject({ state: 'damaged', verifiedBytes: 64 });
  });

  test('no single damaged byte of a page goes unnoticed', () => {
    for (let at = 0; at < 96; at++) {
      // Behind the five letters lies padding, which says nothing.
      if ((at >= 61 && at < 64) || at >= 93) continue;
      const damaged = page.slice();
      damaged[at] = (damaged[at] as number) ^ 0x80;
      const { fragments, state } = parsePage(damaged, 4096, 96, identity);
      expect([at, state, fragments.length]).toEqual([at, 'damaged', at < 32 ? 0 : at < 64 ? 0 : 1]);
    }
  });

  test('the same bytes verify neither in another page nor in another log', () => {
    expect(parsePage(page, 4096, 96, { logId, pageNumber: identity.pageNumber + 14 }).fragments).toEqual([]);
    expect(parsePage(page, 4096, 96, { logId: logId + 1n, pageNumber: identity.pageNumber }).fragments).toEqual([]);
    // A fragment moved into a page with a valid header of its own does not verify either.
    const other = new Uint8Array(4096);
    encodePageHeader(other, { logId, pageNumber: 6, firstSequence: 9 });
    other.set(page.subarray(32), 32);
    expect(parsePage(other, 4096, 96, { logId, pageNumber: 6 }).fragments).toEqual([]);
  });

  test('only the part that was read is believed', () => {
    expect(parsePage(page, 80, 96, identity)).toMatchObject({ state: 'damaged', verifiedBytes: 64 });
    expect(parsePage(page, 31, 96, identity)).toMatchObject({ state: 'damaged', verifiedBytes: 0 });
  });
});

describe('numbers', () => {
  test('64 bits hold every safe integer, and nothing beyond is taken for a number', () => {
    const view = new DataView(new ArrayBuffer(8));
    for (const value of [0, 1, 2 ** 32 - 1, 2 ** 32, 0x0102030405, Number.MAX_SAFE_INTEGER]) {
      setUint64(view, 0, value);
      expect(view.getBigUint64(0, true)).toBe(BigInt(value));
      expect(getUint64(view, 0)).toBe(value);
    }
    view.setBigUint64(0, 2n ** 53n, true);
    expect(getUint64(view, 0)).toBeNaN();
  });
});

function samplePage(): Uint8Array {
  const bytes = new Uint8Array(4096);
  encodePageHeader(bytes, { ...identity, firstSequence: 9 });
  const hello = new TextEncoder().encode('hello');
  const world = new TextEncoder().encode('world');
  const next = encodeFragment(bytes, 32, { sequence: 9, era: 3, recordBytes: 5, offset: 0, payload: hello });
  encodeFragment(bytes, next, { sequence: 10, era: 3, recordBytes: 5, offset: 0, payload: world });
  return bytes;
}

function hex(bytes: Uint8Array, from: number, length: number): string {
  return Buffer.from(bytes.subarray(from, from + length)).toString('hex');
}

function le32(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes.toString('hex');
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
