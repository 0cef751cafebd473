/** Checks of what callers hand in: once, here, before anything is touched. Mistakes are TypeError or RangeError. */
import { types } from 'node:util';
import type { ByteRange } from './ranges/byte-range.js';

function describe(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'string') return JSON.stringify(value);
  if (value === null || typeof value !== 'object') return String(value);
  return (value.constructor as { name?: string } | undefined)?.name ?? 'an object';
}

/** A byte count or position: a safe integer, not negative. */
export function requireInteger(name: string, value: unknown): asserts value is number {
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number of bytes, got ${describe(value)}`);
  if (!Number.isSafeInteger(value)) throw new RangeError(`${name} must be a safe integer, got ${value}`);
  if (value < 0) throw new RangeError(`${name} must not be negative, got ${value}`);
}

/** True for a Uint8Array of any realm: one made in a vm context, or by a test runner, is no instance of this realm's class. */
export function isBytes(value: unknown): value is Uint8Array {
  return types.isUint8Array(value);
}

/** A buffer that bytes can be copied to or from now: attached, in bounds, and not empty. */
export function requireBytes(name: string, value: unknown): asserts value is Uint8Array {
  if (!isBytes(value)) throw new TypeError(`${name} must be a Uint8Array, got ${describe(value)}`);
  if (value.byteLength > 0) return;
  // A detached buffer, and one resized away from under the array, also report a length of 0.
  try {
    new Uint8Array(value.buffer, 0, 0);
  } catch (cause) {
    throw new TypeError(`${name} is backed by a detached buffer`, { cause });
  }
  throw new RangeError(`${name} must not be empty (or its buffer was resized to less than it needs)`);
}

/** Checks as requireInside() does, without words for what is wrong. */
export function isInside(position = -1, length = 0, sizeBytes: number): boolean {
  return Number.isSafeInteger(position) && position >= 0 && Number.isSafeInteger(length) && length > 0 && position <= sizeBytes - length;
}

/** `[position, position + length)` lies inside a file of `sizeBytes`, and holds at least one byte. */
export function requireInside(position: unknown, length: unknown, sizeBytes: number): void {
  requireInteger('position', position);
  requireInteger('length', length);
  if (length === 0) throw new RangeError('length must not be 0');
  // Compared without adding, so that nothing can round.
  if (length > sizeBytes || position > sizeBytes - length) {
    throw new RangeError(`bytes [${position}, ${position + length}) are outside the file, which has ${sizeBytes} bytes`);
  }
}

/**
 * Checks a range and returns a copy of it. Its two properties are read once, so that what was checked is what is used, and
 * whatever the caller does to the object afterwards changes nothing.
 */
export function requireRange(name: string, value: unknown, sizeBytes: number): ByteRange {
  if (value === null || typeof value !== 'object') {
    throw new TypeError(`${name} must be { offset, length }, got ${describe(value)}`);
  }
  const { offset, length } = value as Partial<ByteRange>;
  requireInteger(`${name}.offset`, offset);
  requireInteger(`${name}.length`, length);
  requireInside(offset, length, sizeBytes);
  return { offset, length };
}

/** requireRange() of each. */
export function requireRanges(name: string, value: unknown, sizeBytes: number): ByteRange[] {
  if (!Array.isArray(value)) throw new TypeError(`${name} must be an array of { offset, length }, got ${describe(value)}`);
  const ranges: ByteRange[] = [];
  for (const range of value as readonly unknown[]) {
    // Checking is cheap; the message is built only on failure.
    const { offset, length } = (range ?? {}) as Partial<ByteRange>;
    const isGood = isInside(offset, length, sizeBytes);
    ranges.push(isGood ? { offset: offset as number, length: length as number } : requireRange(`${name}[${ranges.length}]`, range, sizeBytes));
  }
  return ranges;
}

/** `options[name]` if it is a property of the object itself: what a prototype holds, polluted or not, was not asked for. */
export function ownOption<Options extends object, Name extends keyof Options>(options: Options, name: Name): Options[Name] | undefined {
  return Object.hasOwn(options, name) ? options[name] : undefined;
}

/**
 * The named options that are properties of the object itself, each read once. Every name is one of the result's own, so
 * that nothing is read through its prototype later.
 */
export function ownOptions<Options extends object>(options: Options, names: readonly (keyof Options)[]): Partial<Options> {
  return Object.fromEntries(names.map((name) => [name, ownOption(options, name)])) as Partial<Options>;
}

export function requireFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') {
    throw new TypeError(`${name} must be a function, got ${describe(value)}`);
  }
}

/** A number above 0, or nothing: no limit. */
export function requireRate(name: string, value: unknown): void {
  if (value === undefined) return;
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number, got ${describe(value)}`);
  if (!(value > 0)) throw new RangeError(`${name} must be above 0, got ${value}`);
}

export function requireOneOf(name: string, value: unknown, allowed: readonly unknown[]): void {
  if (!allowed.includes(value)) {
    throw new TypeError(`${name} must be one of ${allowed.map(describe).join(', ')}, got ${describe(value)}`);
  }
}

export function requireBoolean(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean') {
    throw new TypeError(`${name} must be true or false, got ${describe(value)}`);
  }
}
