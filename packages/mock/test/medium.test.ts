import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BLOCK_BYTES, SECTOR_BYTES, sectorMask } from '../src/hardware/geometry.js';
import { Medium } from '../src/hardware/medium.js';
import { Random } from '../src/random.js';
import { expectBytes, pattern } from './scenario.js';

const BLOCKS = 40;

type Step =
  | { readonly kind: 'store'; readonly block: number; readonly offset: number; readonly length: number; readonly salt: number }
  | { readonly kind: 'poison' | 'clear'; readonly block: number; readonly offset: number; readonly length: number };

const place = fc
  .record({ block: fc.nat(BLOCKS - 1), offset: fc.nat(BLOCK_BYTES - 1), length: fc.integer({ min: 1, max: BLOCK_BYTES }) })
  .map(({ block, offset, length }) => ({ block, offset, length: Math.min(length, BLOCK_BYTES - offset) }));
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(place, fc.nat(250)).map(([at, salt]) => ({ kind: 'store' as const, salt, ...at })),
  place.map((at) => ({ kind: 'poison' as const, ...at })),
  place.map((at) => ({ kind: 'clear' as const, ...at })),
);

describe('medium', () => {
  it('keeps bytes and poison apart: poisoning changes no byte, clearing changes only bytes that were poisoned', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const medium = new Medium(BLOCKS, new Random(7));
        const bytes = new Uint8Array(BLOCKS * BLOCK_BYTES);
        const poisoned = new Set<number>();
        const sectors = (at: { block: number; offset: number; length: number }): number[] => {
          const first = Math.floor((at.block * BLOCK_BYTES + at.offset) / SECTOR_BYTES);
          const last = Math.floor((at.block * BLOCK_BYTES + at.offset + at.length - 1) / SECTOR_BYTES);
          return Array.from({ length: last - first + 1 }, (_, i) => first + i);
        };
        for (const each of steps) {
          if (each.kind === 'store') {
            const source = pattern(each.length, each.salt);
            medium.copyIn(each.block, each.offset, source, 0, each.length);
            bytes.set(source, each.block * BLOCK_BYTES + each.offset);
          } else if (each.kind === 'poison') {
            medium.poison.add(each.block, sectorMask(each.offset, each.length));
            for (const sector of sectors(each)) poisoned.add(sector);
          } else {
            medium.clear(each.block, sectorMask(each.offset, each.length));
            for (const sector of sectors(each)) {
              if (!poisoned.delete(sector)) continue;
              const block = Math.floor((sector * SECTOR_BYTES) / BLOCK_BYTES);
              medium.copyOut(block, (sector * SECTOR_BYTES) % BLOCK_BYTES, bytes, sector * SECTOR_BYTES, SECTOR_BYTES);
            }
          }
          const now = new Uint8Array(bytes.length);
          for (let block = 0; block < BLOCKS; block++) medium.copyOut(block, 0, now, block * BLOCK_BYTES, BLOCK_BYTES);
          expectBytes(now, bytes);
        }
        const listed = medium.poison.ranges().flatMap((range) => sectors({ block: 0, ...range }));
        expect(listed).toEqual([...poisoned].sort((a, b) => a - b));
        for (let sector = 0; sector < (BLOCKS * BLOCK_BYTES) / SECTOR_BYTES; sector++) {
          const block = Math.floor((sector * SECTOR_BYTES) / BLOCK_BYTES);
          const within = (sector * SECTOR_BYTES) % BLOCK_BYTES;
          expect(medium.firstPoisoned(block, within + 5, 10)).toBe(poisoned.has(sector) ? within + 5 : undefined);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('cleared bytes are arbitrary, not what was lost and not zeros, and the same for the same seed', () => {
    const cleared = (seed: number): Uint8Array => {
      const medium = new Medium(BLOCKS, new Random(seed));
      medium.copyIn(3, 0, pattern(BLOCK_BYTES), 0, BLOCK_BYTES);
      medium.poison.add(3, 0b10);
      medium.clear(3, 0xff);
      const bytes = new Uint8Array(BLOCK_BYTES);
      medium.copyOut(3, 0, bytes, 0, BLOCK_BYTES);
      return bytes;
    };
    const bytes = cleared(1);
    expectBytes(bytes.subarray(0, 512), pattern(BLOCK_BYTES).subarray(0, 512));
    expectBytes(bytes.subarray(1024), pattern(BLOCK_BYTES).subarray(1024));
    expect(Buffer.compare(bytes.subarray(512, 1024), pattern(BLOCK_BYTES).subarray(512, 1024))).not.toBe(0);
    expect(bytes.subarray(512, 1024).some((byte) => byte !== 0)).toBe(true);
    expectBytes(cleared(1), bytes);
    expect(Buffer.compare(cleared(2), bytes)).not.toBe(0);
  });
});
