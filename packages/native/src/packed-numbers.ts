/**
 * Lists of ranges and outcomes, packed into arrays of numbers: one argument for the addon, in place of an object for
 * each element. The functions of cpp/napi that take or return such an array say its layout: hot_path, unit_calls,
 * transfer_calls.
 */
import type { ByteRange, Extent, Rewrite, Rewritten, Transfer } from '@safe-pmem/core';

/** By the number of ranges. A new array for each call would cost as much as the rest of it. */
const SHORT_PAIRS = Array.from({ length: 9 }, (_, count) => new Float64Array(2 * count));

/** Few ranges are packed into the same array each time: a call of the addon has read it when it returns. */
export function pairsOf(ranges: readonly ByteRange[]): Float64Array {
  const pairs = SHORT_PAIRS[ranges.length] ?? new Float64Array(2 * ranges.length);
  let i = 0;
  for (const { offset, length } of ranges) {
    pairs[i++] = offset;
    pairs[i++] = length;
  }
  return pairs;
}

export function extentsOf(numbers: Float64Array): Extent[] {
  const extents: Extent[] = [];
  for (let i = 0; i < numbers.length; i += 4) {
    const [offset, length, physicalOffset, flags] = [...numbers.subarray(i, i + 4)] as [number, number, number, number];
    const [unwritten, shared, unmapped] = [(flags & 1) !== 0, (flags & 2) !== 0, (flags & 4) !== 0];
    extents.push({ offset, length, physicalOffset, unwritten, shared, unmapped });
  }
  return extents;
}

export function numbersOf(pieces: readonly Rewrite[]): Float64Array {
  const numbers = new Float64Array(5 * pieces.length);
  let i = 0;
  for (const { reset, position, sourceOffset, length } of pieces) {
    numbers[i++] = reset?.offset ?? 0;
    numbers[i++] = reset?.length ?? 0;
    numbers[i++] = position;
    numbers[i++] = sourceOffset;
    numbers[i++] = length;
  }
  return numbers;
}

/** Most pieces of a call end alike: one object stands for those in a row that do. */
export function rewrittenOf(numbers: Float64Array): Rewritten[] {
  const outcomes: Rewritten[] = [];
  let last: Rewritten | undefined;
  for (let i = 0; i < numbers.length; i += 3) {
    const transferredBytes = numbers[i] as number;
    const errno = numbers[i + 1] as number;
    const syscall = numbers[i + 2] === 1 ? 'fallocate' : 'pwrite';
    if (last?.transferredBytes !== transferredBytes || last.errno !== errno || last.syscall !== syscall) {
      last = { transferredBytes, errno, syscall };
    }
    outcomes.push(last);
  }
  return outcomes;
}

/** Two numbers for each piece that was read. */
export function transfersOf(numbers: Float64Array): Transfer[] {
  const transfers: Transfer[] = [];
  let last: Transfer | undefined;
  for (let i = 0; i < numbers.length; i += 2) {
    const transferredBytes = numbers[i] as number;
    const errno = numbers[i + 1] as number;
    if (last?.transferredBytes !== transferredBytes || last.errno !== errno) last = { transferredBytes, errno };
    transfers.push(last);
  }
  return transfers;
}
