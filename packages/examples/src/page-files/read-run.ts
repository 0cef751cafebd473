/** Reading many pages that lie one after the other: a call for all of them, as long as none is damaged. */
import type { ByteRange, PmemError, PmemFile } from '@safe-pmem/core';
import { reasonIn } from './damage-reason.js';

const PAGE_BYTES = 4096;

/**
 * Reads whole pages at `position` into `target`. Returns by the index of the page the errors of those that cannot be
 * read, or not in full: an error may name several of them. Throws what is no damage, such as a closed file.
 */
export function readRun(file: PmemFile, position: number, target: Uint8Array): Map<number, PmemError> {
  const errors = new Map<number, PmemError>();
  const readPart = (first: number, end: number): void => {
    try {
      file.read(target.subarray(first * PAGE_BYTES, end * PAGE_BYTES), position + first * PAGE_BYTES);
    } catch (error) {
      if (reasonIn(error) === undefined) throw error;
      const { ranges } = error as PmemError;
      const named = pagesIn(ranges, position, first, end);
      for (const page of named) errors.set(page, error as PmemError);
      // The error may stand for others of another kind. A page that is named is not touched again.
      for (let page = first; page < end; page++) {
        let after = page;
        while (after < end && !errors.has(after)) after++;
        if (after > page) readPart(page, after);
        page = after;
      }
    }
  };
  readPart(0, target.length / PAGE_BYTES);
  return errors;
}

/** The pages from `first` on that the ranges touch, or all if they touch none. */
function pagesIn(ranges: readonly ByteRange[], position: number, first: number, end: number): number[] {
  const all = Array.from({ length: end - first }, (_, i) => first + i);
  const named = new Set<number>();
  for (const { offset, length } of ranges) {
    const from = Math.max(first, Math.floor((offset - position) / PAGE_BYTES));
    const to = Math.min(end, Math.ceil((offset + length - position) / PAGE_BYTES));
    for (let page = from; page < to; page++) named.add(page);
  }
  return named.size === 0 ? all : [...named];
}
