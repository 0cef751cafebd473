import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RangeSet } from '../src/ranges/range-set.js';
import { assertProperty } from './seeded.js';

const range = fc.record({ offset: fc.nat(56), length: fc.nat(8) });
const step = fc.record({ add: fc.boolean(), ranges: fc.array(range, { maxLength: 4 }) });

describe('RangeSet', () => {
  it('is a set of bytes under any sequence of add and remove, of one or many at a time', () => {
    assertProperty(
      fc.property(fc.array(step, { maxLength: 30 }), range, (steps, probe) => {
        const set = new RangeSet();
        const model = new Set<number>();
        for (const { add, ranges } of steps) {
          const [one] = ranges;
          if (one !== undefined && ranges.length === 1) set[add ? 'add' : 'remove'](one);
          else set[add ? 'addAll' : 'removeAll'](ranges);
          for (const { offset, length } of ranges) {
            for (let byte = offset; byte < offset + length; byte++) model[add ? 'add' : 'delete'](byte);
          }
        }
        const held = set.ranges.flatMap(({ offset, length }) => Array.from({ length }, (_, i) => offset + i));
        expect(held).toEqual([...model].sort((a, b) => a - b));
        expect(set.isEmpty).toBe(model.size === 0);
        for (const [i, { offset, length }] of set.ranges.entries()) {
          expect(offset + length).toBeLessThan(set.ranges[i + 1]?.offset ?? Infinity);
        }
        const within = set.within(probe).flatMap(({ offset, length }) => Array.from({ length }, (_, i) => offset + i));
        expect(within).toEqual([...model].filter((b) => b >= probe.offset && b < probe.offset + probe.length).sort((a, b) => a - b));
        if (probe.length > 0) expect(set.overlaps(probe)).toBe(within.length > 0);
      }),
      2000,
    );
  });
});
