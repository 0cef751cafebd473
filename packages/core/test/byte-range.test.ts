import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ByteRange } from '../src/index.js';
import { alignOut, coalesce, formatRanges, intersect, intersectAll, overlaps, subtract, totalLength } from '../src/index.js';
import { assertProperty } from './seeded.js';

const SPACE = 64;
const range = fc.record({ offset: fc.nat(SPACE - 8), length: fc.nat(8) });
const ranges = fc.array(range, { maxLength: 8 });

/** The set of bytes a list of ranges stands for, spelled out. */
function bytesOf(list: readonly ByteRange[]): Set<number> {
  return new Set(list.flatMap(({ offset, length }) => Array.from({ length }, (_, i) => offset + i)));
}

function expectCanonical(list: readonly ByteRange[]): void {
  for (const [i, { offset, length }] of list.entries()) {
    expect(length).toBeGreaterThan(0);
    const next = list[i + 1];
    if (next !== undefined) expect(offset + length).toBeLessThan(next.offset);
  }
}

describe('ByteRange algebra', () => {
  it('coalesce keeps the same bytes in canonical form', () => {
    assertProperty(
      fc.property(ranges, (list) => {
        expectCanonical(coalesce(list));
        expect(bytesOf(coalesce(list))).toEqual(bytesOf(list));
      }),
    );
  });

  it('subtract and intersectAll agree with sets of bytes', () => {
    assertProperty(
      fc.property(ranges, ranges, (a, b) => {
        const inB = bytesOf(b);
        expect(bytesOf(subtract(a, b))).toEqual(new Set([...bytesOf(a)].filter((byte) => !inB.has(byte))));
        expect(bytesOf(intersectAll(a, b))).toEqual(new Set([...bytesOf(a)].filter((byte) => inB.has(byte))));
        expectCanonical(subtract(a, b));
        expectCanonical(intersectAll(a, b));
      }),
    );
  });

  it('overlaps says what intersect finds', () => {
    assertProperty(
      fc.property(range, range, (a, b) => {
        const shared = intersect(a, b);
        if (a.length > 0 && b.length > 0) expect(overlaps(a, b)).toBe(shared !== undefined);
        expect(bytesOf(shared === undefined ? [] : [shared]).size).toBe([...bytesOf([a])].filter((x) => bytesOf([b]).has(x)).length);
      }),
    );
  });

  it('alignOut is the smallest range of whole units', () => {
    expect(alignOut({ offset: 4097, length: 1 }, 4096)).toEqual({ offset: 4096, length: 4096 });
    expect(alignOut({ offset: 4095, length: 2 }, 4096)).toEqual({ offset: 0, length: 8192 });
    expect(alignOut({ offset: 2 ** 52 + 1, length: 1 }, 4096)).toEqual({ offset: 2 ** 52, length: 4096 });
  });

  it('counts and writes ranges', () => {
    const five = [0, 10, 20, 30, 40].map((offset) => ({ offset, length: 2 }));
    expect(totalLength(five)).toBe(10);
    expect(formatRanges(five)).toBe('[0, 2), [10, 12), [20, 22), [30, 32) and 1 more');
  });
});
