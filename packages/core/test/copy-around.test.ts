import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { copyAround } from '../src/faults/copy-around.js';
import { Errno } from '../src/index.js';
import { badPages, healthyProbe, scriptedFile } from './scripted-file.js';
import { assertProperty } from './seeded.js';

const PAGE = 4096;
const file = scriptedFile({});

describe('copyAround', () => {
  it('finds exactly the bad pages and touches each once', () => {
    assertProperty(
      fc.property(fc.uniqueArray(fc.nat(15)), fc.nat(9000), fc.integer({ min: 1, max: 50_000 }), (pages, offset, length) => {
        const range = { offset, length };
        const { copy, touched } = badPages(pages);
        const gaps = copyAround(file, 'read', range, copy);
        const expected = [...pages]
          .sort((a, b) => a - b)
          .map((page) => [Math.max(page * 4096, offset), Math.min((page + 1) * 4096, offset + length)] as const)
          .filter(([start, end]) => start < end);
        expect(gaps.map((gap) => [gap.offset, gap.offset + gap.length])).toEqual(expected);
        expect(touched).toHaveLength(expected.length);
      }),
    );
  });

  it('does not repeat the copy that already faulted', () => {
    const { copy, touched } = badPages([2]);
    const first = copy({ offset: 0, length: 16_384 });
    expect(copyAround(file, 'read', { offset: 0, length: 16_384 }, copy, first)).toHaveLength(1);
    expect(touched).toEqual([2]);
  });

  it('asks each page by pread when the kernel names only a huge page, and consumes the poison no second time', () => {
    const { copy, touched } = badPages([300], { position: 0, granuleLog2: 21 });
    const asked: number[] = [];
    const listless = scriptedFile({
      mappedBytes: 1024 * PAGE,
      probe: (position) => {
        asked.push(position / PAGE);
        return { ...healthyProbe, fileSizeBytes: 1024 * PAGE, readErrno: position === 300 * PAGE ? Errno.EFAULT : 0 };
      },
    });
    const gaps = copyAround(listless, 'read', { offset: 100, length: 600 * PAGE }, copy);
    expect(gaps).toEqual([{ offset: 300 * PAGE, length: PAGE, reason: 'media' }]);
    expect(touched).toEqual([300]);
    expect(asked).toEqual([...Array(512).keys()]);
  });

  it('begins with the page that faulted, and copies page by page where pread knows of no bad one', () => {
    const { copy, touched } = badPages([300], { position: 299 * PAGE, granuleLog2: 21 });
    const pieces: number[][] = [];
    const file = scriptedFile({ mappedBytes: 1024 * PAGE, probe: () => ({ ...healthyProbe, fileSizeBytes: 1024 * PAGE }) });
    const gaps = copyAround(file, 'read', { offset: 0, length: 600 * PAGE }, (piece) => {
      pieces.push([piece.offset / PAGE, piece.length / PAGE]);
      return copy(piece);
    });
    expect(gaps).toEqual([{ offset: 300 * PAGE, length: PAGE, reason: 'media' }]);
    // Once by the copy that met it, and once by the one that found it.
    expect(touched).toEqual([300, 300]);
    expect(pieces.slice(0, 3)).toEqual([[0, 600], [299, 1], [300, 1]]);
    expect(pieces.map(([page]) => page).sort((a = 0, b = 0) => a - b)).toEqual([0, ...Array(512).keys(), 512]);
  });

  it('goes on where a fault has passed, and leaves no gap', () => {
    const { copy } = badPages([2], { signalCode: 2, granuleLog2: 0 });
    let calls = 0;
    const copied: number[][] = [];
    const gaps = copyAround(scriptedFile({ probe: () => healthyProbe }), 'read', { offset: 100, length: 5 * PAGE }, (piece) => {
      if (++calls === 1) return copy(piece);
      copied.push([piece.offset, piece.offset + piece.length]);
      return undefined;
    });
    expect(gaps).toEqual([]);
    expect(copied).toEqual([[2 * PAGE, 3 * PAGE], [100, 2 * PAGE], [3 * PAGE, 5 * PAGE + 100]]);
  });

  it('reports everything from the new end of a truncated file, within its last page too', () => {
    const truncated = scriptedFile({ probe: () => ({ ...healthyProbe, fileSizeBytes: 5000 }) });
    const { copy } = badPages([2, 3, 4], { signalCode: 2, granuleLog2: 0 });
    const gaps = copyAround(truncated, 'read', { offset: 4096, length: 16_384 }, copy);
    expect(gaps).toEqual([{ offset: 5000, length: 4096 + 16_384 - 5000, reason: 'truncated' }]);
  });
});
