/** A crash in a whole-page write of the last page leaves the file longer: told from bytes that others have appended. */
import { describe, expect, it } from 'vitest';
import { grownTail } from '../src/repair/grown-tail.js';
import { scriptedFile } from './scripted-file.js';

const PAGE = 4096;
const SIZE = 2 * PAGE + 100;
const intent = { offset: 2 * PAGE, length: 100, content: new Uint8Array(100).fill(7), fileSizeBytes: SIZE };

/** A file of `sizeBytes` bytes with `found` after the end that the intent names. */
function fileOf(sizeBytes: number, found = new Uint8Array(PAGE), errno = 0): Parameters<typeof grownTail>[0] {
  return scriptedFile({
    fileSize: () => Promise.resolve({ sizeBytes }),
    pread: (target) => {
      if (errno !== 0) return Promise.resolve({ transferredBytes: 0, errno });
      target.set(found.subarray(0, target.byteLength));
      return Promise.resolve({ transferredBytes: target.byteLength, errno: 0 });
    },
  });
}

describe('zeros after the end that the intent names', () => {
  const grown = [SIZE + 1, SIZE + 200, 3 * PAGE];
  it.each(grown)('are of its write, also of a part of it: a file of %i bytes', async (sizeBytes) => {
    expect(await grownTail(fileOf(sizeBytes), [intent], false)).toBe(intent);
  });

  it.each([SIZE, SIZE - 1, 3 * PAGE + 1])('are not, in a file of %i bytes', async (sizeBytes) => {
    expect(await grownTail(fileOf(sizeBytes), [intent], true)).toBeUndefined();
  });
});

describe('other bytes there', () => {
  const other = new Uint8Array(PAGE).fill(1, 50, 51);

  it('have been appended', async () => {
    for (const sizeBytes of [SIZE + 200, 3 * PAGE]) {
      expect(await grownTail(fileOf(sizeBytes, other), [intent], false)).toBeUndefined();
    }
  });

  it('may be what the machine left when it died in the write, if the page is whole', async () => {
    expect(await grownTail(fileOf(3 * PAGE, other), [intent], true)).toBe(intent);
    expect(await grownTail(fileOf(SIZE + 200, other), [intent], true)).toBeUndefined();
  });

  it('cannot be told from zeros if the page is bad, and whole', async () => {
    const EIO = 5;
    expect(await grownTail(fileOf(3 * PAGE, other, EIO), [intent], false)).toBe(intent);
    expect(await grownTail(fileOf(SIZE + 200, other, EIO), [intent], false)).toBeUndefined();
  });
});
