// What the files of these tests hold: never zero, and different from page to page and from seed to seed.
import { readSync, openSync, closeSync } from 'node:fs';
import { PAGE } from '../../page-bytes.mjs';

export { PAGE };

export function pattern(lengthBytes, seed = 1) {
  const bytes = new Uint8Array(lengthBytes);
  for (let i = 0; i < lengthBytes; i++) bytes[i] = ((i * 31 + (i >>> 12) * 17 + seed * 7) % 255) + 1;
  return bytes;
}

/** Undefined, or the first byte that differs. */
export function firstDifference(actual, expected) {
  if (Buffer.compare(actual, expected) === 0) return undefined;
  const at = actual.findIndex((byte, i) => byte !== expected[i]);
  return at === -1 ? Math.min(actual.length, expected.length) : at;
}

/** Offsets of the pages of `file` that can be read and hold other bytes than `expected`. */
export function wrongPages(file, expected) {
  const wrong = [];
  const page = new Uint8Array(PAGE);
  for (let at = 0; at < expected.length; at += PAGE) {
    const part = page.subarray(0, Math.min(PAGE, expected.length - at));
    file.read(part, at);
    if (firstDifference(part, expected.subarray(at, at + part.length)) !== undefined) wrong.push(at);
  }
  return wrong;
}

/** By pread(2), past the mapping and whatever is wrong with it. */
export function storedBytes(path, position, lengthBytes) {
  const bytes = new Uint8Array(lengthBytes);
  const file = openSync(path, 'r');
  try {
    const length = readSync(file, bytes, 0, lengthBytes, position);
    return bytes.subarray(0, length);
  } finally {
    closeSync(file);
  }
}
