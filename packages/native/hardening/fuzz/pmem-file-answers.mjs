// What PmemFile may answer: errors that its documentation names, and salvage that accounts for every byte.
import { inspect } from 'node:util';
import { PmemError } from '@safe-pmem/core';
import { requireRight } from './content.mjs';
import { Problem } from './problem.mjs';

/** Pieces hold what the file may hold, and pieces and gaps together are the range. */
export function checkSalvage(salvage, range) {
  for (const { offset, bytes } of salvage.pieces) requireRight('salvage', bytes, offset);
  const covered = [...salvage.pieces.map(({ bytes }) => bytes.length), ...salvage.gaps.map(({ length }) => length)];
  const sum = covered.reduce((total, length) => total + length, 0);
  if (salvage.range.length !== sum && sum !== 0)
    throw new Problem(`salvage of ${inspect(range)} accounts for ${sum} bytes`);
}

/** A media error may have truncated or unallocated bytes as its cause. */
export function rangesOf(error) {
  return error instanceof PmemError ? [...error.ranges, ...rangesOf(error.cause)] : [];
}

const expectedWords = /not wanted|a callback that throws/;

/** An error is a PmemError with a code, or a programmer's mistake where the arguments may have been one. */
export function judge(name, valid, error) {
  if (error instanceof Problem) throw error;
  if (error instanceof PmemError && error.code.startsWith('ERR_PMEM_')) {
    const ends = error.ranges.map(({ offset, length }) => [offset, offset + length]);
    const sorted = ends.every(([start, end], i) => start < end && start >= (ends[i - 1]?.[1] ?? 0));
    if (!sorted) throw new Problem(`${name}: the ranges of ${error.code} are not sorted: ${inspect(error.ranges)}`);
    return;
  }
  if ((error instanceof TypeError || error instanceof RangeError) && valid !== true) return;
  if (error instanceof Error && expectedWords.test(error.message)) return;
  throw new Problem(`${name} failed with ${inspect(error)}`);
}
