// What a page holds: 512 words, each of which says by which write, of which page, and at which place it was stored.
// A page that two writes share is told apart word by word.

export const PAGE = 4096;
const WORDS = PAGE / 8;
/** Of values; word 0 of a new file is zero. */
const VALUE_MAX = 2 ** 32 - 1;

function check(value, page, word) {
  return Math.imul(value ^ Math.imul(page + 1, 0x9e3779b1), word * 2 + 1) >>> 0;
}

/** The bytes of `page` after the write of `value`. 0 is a page of zeros. */
export function pageOf(value, page) {
  if (value > VALUE_MAX) throw new RangeError(`value ${value}`);
  const bytes = Buffer.alloc(PAGE);
  if (value === 0) return bytes;
  for (let word = 0; word < WORDS; word++) {
    bytes.writeUInt32LE(value, word * 8);
    bytes.writeUInt32LE(check(value, page, word), word * 8 + 4);
  }
  return bytes;
}

/** The values whose writes the bytes come from; a word that nobody wrote throws. */
export function valuesIn(bytes, page) {
  const values = new Set();
  for (let word = 0; word < bytes.length / 8; word++) {
    const value = bytes.readUInt32LE(word * 8);
    const found = bytes.readUInt32LE(word * 8 + 4);
    if (found !== (value === 0 ? 0 : check(value, page, word))) {
      throw new Error(
        `word ${word} of page ${page} is ${bytes.toString('hex', word * 8, word * 8 + 8)}, which nobody wrote`,
      );
    }
    values.add(value);
  }
  return [...values];
}
