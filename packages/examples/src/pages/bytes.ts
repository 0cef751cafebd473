/** Keys as byte strings, and numbers in bytes. */
import { crc32 } from 'node:zlib';

/** A byte string. Keys are compared byte by byte; a key that another one begins with comes first. */
export type Bytes = Uint8Array;

export const NO_BYTES: Bytes = Buffer.alloc(0);

/** Less than 0 if `a` comes first, 0 if they are equal. */
export function compareBytes(a: Bytes, b: Bytes): number {
  return Buffer.compare(a, b);
}

/** The index of the first key that is not less than `key`. */
export function lowerBound(keys: readonly Bytes[], key: Bytes): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (Buffer.compare(keys[middle] as Bytes, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The index of the first key that is greater than `key`. */
export function upperBound(keys: readonly Bytes[], key: Bytes): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (Buffer.compare(keys[middle] as Bytes, key) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The first key after `key`. */
export function keyAfter(key: Bytes): Bytes {
  const next = Buffer.alloc(key.length + 1);
  next.set(key);
  return next;
}

/** The shortest byte string that is greater than `left` and not greater than `right`. */
export function shortestBetween(left: Bytes, right: Bytes): Bytes {
  let length = 0;
  while (length < left.length && left[length] === right[length]) length++;
  return Buffer.from(right.subarray(0, length + 1));
}

/** Returns a copy that no caller can write to. */
export function copyOf(bytes: Bytes): Buffer {
  return Buffer.from(bytes);
}

/** Throws TypeError for a value that is not bytes. */
export function requireBytes(value: unknown, name: string): void {
  if (!(value instanceof Uint8Array)) throw new TypeError(`${name} must be a Uint8Array`);
}

/** Returns the number; undefined if JavaScript cannot hold it, since no count or position is so large. */
export function safeNumber(value: bigint): number | undefined {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
}

/** Returns the number. Throws TypeError if JavaScript cannot hold it. */
export function requireSafe(value: bigint, name: string): number {
  const number = safeNumber(value);
  if (number === undefined) throw new TypeError(`${name} is ${value}`);
  return number;
}

/** The same memory as a Buffer, whose methods read and write numbers. */
export function bufferOf(bytes: Bytes): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** CRC-32 (zlib's), as an unsigned 32-bit number. */
export function checksumOf(bytes: Bytes): number {
  return crc32(bytes);
}
