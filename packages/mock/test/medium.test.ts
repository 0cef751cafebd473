import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PAGE_SIZES, SECTOR_BYTES } from '../src/hardware/geometry.js';
import { Medium } from '../src/hardware/medium.js';
import { Random } from '../src/random.js';
import { expectBytes, pattern } from './scenario.js';
import { IS_WHOLE } from './share.js';

const BLOCKS = 40;

type Step =
  | { readonly kind: 'store'; readonly block: number; readonly offset: number; readonly length: number; readonly salt: number }
  | { readonly kind: 'poison' | 'clear'; readonly block: number; readonly offset: number; readonly length: number };

function anyStep(blockBytes: number): fc.Arbitrary<Step> {
  const place = fc
    .record({
      block: fc.nat(BLOCKS - 1),
      offset: fc.nat(blockBytes - 1),
      length: fc.integer({ min: 1, max: blockBytes }),
    })
    .map(({ block, offset, length }) => ({ block, offset, length: Math.min(length, blockBytes - offset) }));
  return fc.oneof(
    fc.tuple(place, fc.nat(250)).map(([at, salt]) => ({ kind: 'store' as const, salt, ...at })),
    place.map((at) => ({ kind: 'poison' as const, ...at })),
    place.map((at) => ({ kind: 'clear' as const, ...at })),
  );
}

describe.each(PAGE_SIZES)('medium of blocks of %i bytes', (blockBytes) => {
  it('keeps bytes and poison apart: poisoning changes no byte, clearing changes only bytes that were poisoned', () => {
    fc.assert(
      fc.property(fc.array(anyStep(blockBytes), { maxLength: 40 }), (steps) => {
        const medium = new Medium(blockBytes, BLOCKS, new Random(7));
        const bytes = new Uint8Array(BLOCKS * blockBytes);
        const poisoned = new Set<number>();
        const sectors = (at: { block: number; offset: number; length: number }): number[] => {
          const first = Math.floor((at.block * blockBytes + at.offset) / SECTOR_BYTES);
          const last = Math.floor((at.block * blockBytes + at.offset + at.length - 1) / SECTOR_BYTES);
          return Array.from({ length: last - first + 1 }, (_, i) => first + i);
        };
        for (const each of steps) {
          if (each.kind === 'store') {
            const source = pattern(each.length, each.salt);
            medium.copyIn(each.block, each.offset, source, 0, each.length);
            bytes.set(source, each.block * blockBytes + each.offset);
          } else if (each.kind === 'poison') {
            medium.poison.add(each.block, each.offset, each.length);
            for (const sector of sectors(each)) poisoned.add(sector);
          } else {
            medium.clear(each.block, each.offset, each.length);
            for (const sector of sectors(each)) {
              if (!poisoned.delete(sector)) continue;
              const block = Math.floor((sector * SECTOR_BYTES) / blockBytes);
              medium.copyOut(block, (sector * SECTOR_BYTES) % blockBytes, bytes, sector * SECTOR_BYTES, SECTOR_BYTES);
            }
          }
          const now = new Uint8Array(bytes.length);
          for (let block = 0; block < BLOCKS; block++) medium.copyOut(block, 0, now, block * blockBytes, blockBytes);
          expectBytes(now, bytes);
        }
        const listed = medium.poison.ranges().flatMap((range) => sectors({ block: 0, ...range }));
        expect(listed).toEqual([...poisoned].sort((a, b) => a - b));
        for (let sector = 0; sector < (BLOCKS * blockBytes) / SECTOR_BYTES; sector++) {
          const block = Math.floor((sector * SECTOR_BYTES) / blockBytes);
          const within = (sector * SECTOR_BYTES) % blockBytes;
          expect(medium.firstPoisoned(block, within + 5, 10)).toBe(poisoned.has(sector) ? within + 5 : undefined);
        }
      }),
      { numRuns: (blockBytes === 4096 ? 60 : 20) / (IS_WHOLE ? 1 : 4) },
    );
  });

  it('cleared bytes are arbitrary, not what was lost and not zeros, and the same for the same seed', () => {
    const cleared = (seed: number): Uint8Array => {
      const medium = new Medium(blockBytes, BLOCKS, new Random(seed));
      medium.copyIn(3, 0, pattern(blockBytes), 0, blockBytes);
      medium.poison.add(3, 512, 512);
      medium.clear(3, 0, blockBytes);
      const bytes = new Uint8Array(blockBytes);
      medium.copyOut(3, 0, bytes, 0, blockBytes);
      return bytes;
    };
    const bytes = cleared(1);
    expectBytes(bytes.subarray(0, 512), pattern(blockBytes).subarray(0, 512));
    expectBytes(bytes.subarray(1024), pattern(blockBytes).subarray(1024));
    expect(Buffer.compare(bytes.subarray(512, 1024), pattern(blockBytes).subarray(512, 1024))).not.toBe(0);
    expect(bytes.subarray(512, 1024).some((byte) => byte !== 0)).toBe(true);
    expectBytes(cleared(1), bytes);
    expect(Buffer.compare(cleared(2), bytes)).not.toBe(0);
  });
});
