/** Argument checks of the mock's own methods: a test that asks for nonsense gets a TypeError or RangeError at once. */
import { posix, sep } from 'node:path';
import { type ByteRange, formatRange } from '@safe-pmem/core';

/**
 * The path with `.` and `..` resolved; relative paths start at `/`. The machine is Linux. On Windows, where programs
 * join paths with backslashes, those separate names here as well.
 */
export function checkedPath(path: unknown, separator: string = sep): string {
  if (typeof path !== 'string' || path === '') throw new TypeError('path must be a string that is not empty');
  if (path.includes('\0')) throw new TypeError('path must not contain a null byte');
  return posix.resolve('/', separator === '\\' ? path.replaceAll('\\', '/') : path);
}

export function checkedCount(value: unknown, name: string): number {
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number`);
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`${name} must be an integer of at least 0, got ${value}`);
  }
  return value;
}

export function checkedInteger(value: number, name: string): number {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${name} must be an integer, got ${value}`);
  return value;
}

/** A range of at least one byte that ends at or before `limit`. */
export function checkedRange(range: unknown, limit: number, what: string): ByteRange {
  if (typeof range !== 'object' || range === null) throw new TypeError('range must be { offset, length }');
  const { offset, length } = range as Partial<ByteRange>;
  const checked = { offset: checkedCount(offset, 'range.offset'), length: checkedCount(length, 'range.length') };
  if (checked.length === 0) throw new RangeError('range.length must be at least 1');
  if (checked.offset + checked.length > limit) {
    throw new RangeError(`range ${formatRange(checked)} does not lie in ${what} (${limit} bytes)`);
  }
  return checked;
}

export function checkedBytes(bytes: unknown): Uint8Array {
  if (bytes instanceof Uint8Array) return bytes;
  throw new TypeError('bytes must be a Uint8Array');
}

/** One of the allowed values, or `fallback` for undefined. */
export function checkedChoice<T extends string>(value: unknown, allowed: readonly T[], fallback: T, name: string): T {
  if (value === undefined) return fallback;
  const found = allowed.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  throw new TypeError(`${name} must be one of ${allowed.join(', ')}`);
}

/** A boolean, or `fallback` for undefined. */
export function checkedFlag(value: unknown, fallback: boolean, name: string): boolean {
  if (value === undefined) return fallback;
  if (typeof value === 'boolean') return value;
  throw new TypeError(`${name} must be a boolean`);
}
