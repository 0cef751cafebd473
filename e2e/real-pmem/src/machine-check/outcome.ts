/** What came of an access, in few words that are the same in every run. */
import type { ByteRange } from '@safe-pmem/core';
import { errnoName, MediaError, PmemError, RepairError } from '@safe-pmem/core';
import { pageBytes } from '../scenarios/file-steps.js';

/** `5`, `4-6`, `5, 9`; ranges that are not whole pages are given in bytes. */
export function pagesOf(ranges: readonly ByteRange[]): string {
  const one = ({ offset, length }: ByteRange): string => {
    if (offset % pageBytes !== 0 || length % pageBytes !== 0) return `bytes ${offset}+${length}`;
    const first = offset / pageBytes;
    const last = first + length / pageBytes - 1;
    return first === last ? String(first) : `${first}-${last}`;
  };
  return ranges.map(one).join(', ');
}

/** One letter a page; if many in a row are the same, the first with how many there are. */
export function inShort(letters: string): string {
  return letters.replaceAll(/(.)\1{16,}/g, (run) => `${run.length}${run.charAt(0)}`);
}

export function describeError(error: unknown): string {
  if (error instanceof MediaError) return `${error.code} by ${error.source}, page ${pagesOf(error.ranges)}`;
  if (error instanceof RepairError) {
    const attempts = error.attempts.map(({ strategy, step, errno }) => `${strategy}: ${step} ${errnoName(errno)}`);
    return `${error.code} (${attempts.join('; ')})`;
  }
  if (error instanceof PmemError) return `${error.code}${error.ranges.length === 0 ? '' : `, page ${pagesOf(error.ranges)}`}`;
  if (!(error instanceof Error)) return String(error);
  return (error as NodeJS.ErrnoException).code ?? `${error.name}: ${error.message}`;
}

/** What `body` gives, or the words for what it throws. */
export async function outcomeOf(body: () => unknown): Promise<string> {
  try {
    const value = await body();
    return typeof value === 'string' ? value : 'ok';
  } catch (error) {
    return describeError(error);
  }
}
