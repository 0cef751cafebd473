import { crc32 as zlibCrc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { crc32 } from '../../src/wal/format/crc32.js';

const ascending = Uint8Array.from({ length: 600 }, (_, i) => (i * 7 + (i >>> 3)) & 0xff);

describe('CRC-32', () => {
  // The customary check value of the nine digits, and values that every zip tool gives.
  test.each([
    ['"123456789"', new TextEncoder().encode('123456789'), 0xcbf43926],
    ['"a"', new TextEncoder().encode('a'), 0xe8b7be43],
    ['32 bytes of zeros', new Uint8Array(32), 0x190a55ad],
    ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0xff6cab0b],
    ['no bytes', new Uint8Array(0), 0],
  ])('%s', (_, bytes, expected) => {
    expect(crc32(bytes)).toBe(expected);
  });

  test('is the same for every length, whichever way it is computed', () => {
    for (let length = 0; length <= ascending.length; length++) {
      const bytes = ascending.subarray(ascending.length - length);
      expect([length, crc32(bytes, 0x1234567)]).toEqual([length, zlibCrc32(bytes, 0x1234567)]);
    }
  });

  test('goes on from a seed, wherever the bytes are cut', () => {
    for (let cut = 0; cut <= ascending.length; cut++) {
      expect(crc32(ascending.subarray(cut), crc32(ascending.subarray(0, cut)))).toBe(crc32(ascending));
    }
  });
});
