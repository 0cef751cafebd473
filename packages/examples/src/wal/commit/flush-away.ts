/** Flushes the bytes of a commit off this thread. */
import type { ByteRange, PmemFile } from '@safe-pmem/core';
import { intersect, isPmemError, rangeBetween } from '@safe-pmem/core';

/**
 * Makes `ranges` of the file, by rising offset, durable with one call from the first to the last. Returns what has
 * failed of them, undefined if nothing has. What lies between is not this commit's: a bad page there, or bytes that an
 * earlier flush may have dropped, must not fail it. The file is asked again then, for the ranges alone.
 */
export async function flushAway(file: PmemFile, ranges: readonly ByteRange[]): Promise<unknown> {
  const [first, last] = [ranges[0], ranges.at(-1)] as [ByteRange, ByteRange];
  const { offset, length } = rangeBetween(first.offset, last.offset + last.length);
  try {
    await file.persistAsync(offset, length);
    return undefined;
  } catch (error) {
    return isAbout(error, ranges) ? error : errorOf(() => { file.persistRanges(ranges); });
  }
}

function isAbout(error: unknown, ranges: readonly ByteRange[]): boolean {
  if (!isPmemError(error) || error.ranges.length === 0) return true;
  return error.ranges.some((named) => ranges.some((range) => intersect(named, range) !== undefined));
}

function errorOf(action: () => void): unknown {
  try {
    action();
    return undefined;
  } catch (error) {
    return error;
  }
}
