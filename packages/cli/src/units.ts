/** Numbers of bytes, as people type and read them. */
import type { ByteRange } from '@safe-pmem/core';
import { formatRange } from '@safe-pmem/core';
import { UsageError } from './exit-status.js';

const FACTORS = new Map([
  ['', 1],
  ['K', 1024],
  ['M', 1024 ** 2],
  ['G', 1024 ** 3],
  ['T', 1024 ** 4],
]);

/** `4096`, `0x1000`, `200M` (of 1024 × 1024), `1GiB`. Throws UsageError. */
export function parseBytes(text: string, what: string): number {
  const [, digits, unit = ''] = /^(0x[0-9a-f]+|\d+)(?:([KMGT])(?:i?B)?)?$/i.exec(text) ?? [];
  const bytes = Number(digits) * (FACTORS.get(unit.toUpperCase()) ?? Number.NaN);
  if (!Number.isSafeInteger(bytes))
    throw new UsageError(`${what} must be a number of bytes such as 4096 or 200M, not '${text}'`);
  return bytes;
}

/** `OFFSET:LENGTH`. Throws UsageError. */
export function parseRange(text: string): ByteRange {
  const [offset, length, ...rest] = text.split(':');
  if (offset === undefined || length === undefined || rest.length > 0) {
    throw new UsageError(`a range is OFFSET:LENGTH in bytes, not '${text}'`);
  }
  const range = {
    offset: parseBytes(offset, 'the offset of a range'),
    length: parseBytes(length, 'the length of a range'),
  };
  if (range.length === 0) throw new UsageError(`the range '${text}' is empty`);
  return range;
}

/** `[20480, 24576)  4096 B`. */
export function rangeText(range: ByteRange): string {
  return `${formatRange(range)}  ${range.length} B`;
}

/** `1 file`, `2 files`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Formats as `3.2 GiB`, for progress. */
export function roundBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let [value, unit] = [bytes, 0];
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] as string}`;
}

/** `42 s`, `3 min 10 s`, `2 h 5 min`. */
export function durationText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
