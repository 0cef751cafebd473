import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { copyAround } from '../src/copy-around.js';
import { badPages, healthyProbe, scriptedFile } from './scripted-file.js';
import { assertProperty } from './seeded.js';

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

  it('halves down to the page when the kernel names only a huge page', () => {
    const { copy } = badPages([300], { position: 0, granuleLog2: 21 });
    const gaps = copyAround(file, 'read', { offset: 0, length: 512 * 4096 }, copy);
    expect(gaps).toEqual([{ offset: 300 * 4096, length: 4096, reason: 'media' }]);
  });

  it('reports everything from the new end of a truncated file, within its last page too', () => {
    const truncated = scriptedFile({ probe: () => ({ ...healthyProbe, fileSizeBytes: 5000 }) });
    const { copy } = badPages([2, 3, 4], { signalCode: 2, granuleLog2: 0 });
    const gaps = copyAround(truncated, 'read', { offset: 4096, length: 16_384 }, copy);
    expect(gaps).toEqual([{ offset: 5000, length: 4096 + 16_384 - 5000, reason: 'truncated' }]);
  });
});
