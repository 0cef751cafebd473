/**
 * Finds what others have stored into lost bytes. A process that opened the file before a repair does not know of the
 * loss, and its stores take no lock: a byte that is not zero, where a repair has left zeros, is one of them. The zeros
 * that it stored look like those of the repair, and stay lost.
 */
import type { CompleteFile } from '../driver/driver.js';
import type { ByteRange } from '../ranges/byte-range.js';
import { rangeBetween, rangeEnd } from '../ranges/byte-range.js';

const CHUNK_BYTES = 64 * 1024;

/** Loads `blank`, where a repair has left zeros, and returns what is something else by now. Holds a chunk at a time. */
export function storedSince(file: CompleteFile, blank: readonly ByteRange[]): ByteRange[] {
  const stored: ByteRange[] = [];
  for (const range of blank) {
    for (let at = range.offset; at < rangeEnd(range); at += CHUNK_BYTES) {
      const bytes = new Uint8Array(Math.min(CHUNK_BYTES, rangeEnd(range) - at));
      if (file.read(bytes, at) === undefined) stored.push(...nonZeroRuns(bytes, at));
    }
  }
  return stored;
}

/** The bytes that are not zero; `bytes` are those of the file at `offset`. */
export function nonZeroRuns(bytes: Uint8Array, offset: number): ByteRange[] {
  const runs: ByteRange[] = [];
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] === 0) continue;
    const start = at;
    while (at < bytes.length && bytes[at] !== 0) at++;
    runs.push(rangeBetween(offset + start, offset + at));
  }
  return runs;
}
