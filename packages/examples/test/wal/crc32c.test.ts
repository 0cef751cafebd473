import { describe, expect, test } from 'vitest';
import { crc32c } from '../../src/wal/crc32c.js';

const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);

describe('CRC-32C', () => {
  // RFC 3720, appendix B.4, and the customary check value of the nine digits.
  test.each([
    ['32 bytes of zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['32 ascending bytes', ascending, 0x46dd794e],
    ['32 descending bytes', ascending.slice().reverse(), 0x113fdb5c],
    ['an iSCSI read command', iscsiRead(), 0xd9963a56],
    ['"123456789"', new TextEncoder().encode('123456789'), 0xe3069283],
    ['no bytes', new Uint8Array(0), 0],
  ])('%s', (_, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });

  test('goes on from a seed, wherever the bytes are cut', () => {
    for (let cut = 0; cut <= ascending.length; cut++) {
      expect(crc32c(ascending.subarray(cut), crc32c(ascending.subarray(0, cut)))).toBe(0x46dd794e);
    }
  });
});

function iscsiRead(): Uint8Array {
  const bytes = new Uint8Array(48);
  bytes.set([0x01, 0xc0], 0);
  bytes[16] = 0x14;
  bytes[22] = 0x04;
  bytes[27] = 0x14;
  bytes[31] = 0x18;
  bytes[32] = 0x28;
  bytes[40] = 0x02;
  return bytes;
}
