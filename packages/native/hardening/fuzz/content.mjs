// What a file may hold, whoever wrote it and whatever was cut off and grown again meanwhile: at each position either the
// one byte that belongs there, or zero. So a byte of another place, of a buffer's former life or of nowhere shows in any
// read, without a model of what happened in which order.
import { Problem } from './problem.mjs';

export const PAGE = 4096;
/** Files stay below this, so that everything about them is quick. */
export const SPAN = 2 * 2 ** 20;
/** The most that one call moves. */
export const MOST = 256 * 1024;

const ours = new Uint8Array(SPAN + 2 * MOST + 2 * PAGE);
for (let i = 0; i < ours.length; i++) ours[i] = (Math.imul(i + 1, 0x9e3779b1) >>> 24) | 1;

/** Even numbers, so neither zero nor ever the right byte of any place. */
export const UNTOUCHED = 0xee;
export const CHANGED_LATER = 0xcc;

/** The bytes that belong at `position`; after `SPAN`, zeros. */
export function rightBytes(position, length) {
  return position + length <= ours.length ? ours.subarray(position, position + length) : new Uint8Array(length);
}

/** Throws if `bytes`, read at `position`, hold what the file cannot hold; `except` are ranges of the file not to look at. */
export function requireRight(what, bytes, position, except = []) {
  const right = rightBytes(position, bytes.length);
  if (Buffer.compare(bytes, right) === 0) return;
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] === 0 || bytes[i] === right[i]) continue;
    if (except.some(({ offset, length }) => position + i >= offset && position + i < offset + length)) continue;
    throw new Problem(`${what}: byte ${position + i} reads as ${bytes[i]}, and only 0 or ${right[i]} can be there`);
  }
}

/** After a fault: what was copied is right, and the rest is as it was. */
export function requireRightOrUntouched(what, bytes, position) {
  const right = rightBytes(position, bytes.length);
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] === 0 || bytes[i] === right[i] || bytes[i] === UNTOUCHED) continue;
    throw new Problem(`${what}: byte ${position + i} reads as ${bytes[i]} after a fault`);
  }
}

export function requireUntouched(what, bytes) {
  if (bytes.some((byte) => byte !== UNTOUCHED))
    throw new Problem(`${what}: bytes were changed that are not part of the transfer`);
}

/** A journal tells its length by its bytes, so that a mixture of two is neither. */
export function journalBytes(length) {
  return ours.slice(length, 2 * length);
}

export function requireJournal(bytes) {
  if (Buffer.compare(bytes, ours.subarray(bytes.length, 2 * bytes.length)) !== 0) {
    throw new Problem(`a journal of ${bytes.length} bytes is not one that was written`);
  }
}
