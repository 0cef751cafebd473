import { describe, expect, it } from 'vitest';
import { queryBadBlocks, reportOf } from '../src/rescue/bad-blocks.js';
import type { Extent } from '../src/index.js';
import { Errno, intersect } from '../src/index.js';
import { scriptedFile } from './scripted-file.js';

const extent = (offset: number, physicalOffset: number, length: number, flags: Partial<Extent> = {}): Extent => ({
  offset, physicalOffset, length, unwritten: false, shared: false, unmapped: false, ...flags,
});
const whole = { offset: 0, length: 65_536 };

function fileWith(ranges: readonly { offset: number; length: number }[], extents: readonly Extent[]) {
  return scriptedFile({
    badBlocks: () => Promise.resolve({ supported: true, ranges }),
    // As FIEMAP of ext4 and XFS: no extent reaches out of the range that was asked about.
    extents: (offset, length) => Promise.resolve({
      extents: extents.flatMap((one) => {
        const shared = intersect(one, { offset, length });
        if (shared === undefined) return [];
        return [{ ...one, ...shared, physicalOffset: one.physicalOffset + shared.offset - one.offset }];
      }),
    }),
    mappedBytes: 8 * 1024 * 1024,
  });
}

describe('bad blocks of a file', () => {
  it('does not ask for extents where the device lists nothing', async () => {
    const file = scriptedFile({ badBlocks: () => Promise.resolve({ supported: true, ranges: [] }) });
    expect(reportOf(await queryBadBlocks(file, whole))).toEqual({ status: 'none' });
  });

  it('one bad sector costs the block it lies in, in file bytes', async () => {
    const file = fileWith([{ offset: 1_000_000 * 4096 + 1024, length: 512 }], [extent(8192, 1_000_000 * 4096 - 4096, 12_288)]);
    expect(reportOf(await queryBadBlocks(file, whole))).toEqual({ status: 'known', ranges: [{ offset: 12_288, length: 4096 }] });
  });

  it('finds one list entry across two extents, and clips to the file', async () => {
    const file = fileWith(
      [{ offset: 40_960, length: 16_384 }],
      [extent(0, 45_056, 4096), extent(4096, 40_960, 4096), extent(61_440, 49_152, 8192)],
    );
    expect(reportOf(await queryBadBlocks(file, whole))).toEqual({
      status: 'known',
      ranges: [{ offset: 0, length: 8192 }, { offset: 61_440, length: 4096 }],
    });
  });

  it('a bad block elsewhere on the device is none of this file', async () => {
    const file = fileWith([{ offset: 0, length: 4096 }], [extent(0, 8192, 4096)]);
    expect(reportOf(await queryBadBlocks(file, whole))).toEqual({ status: 'none' });
  });

  it('says unsupported, never none, when it cannot tell', async () => {
    const noList = scriptedFile({ badBlocks: () => Promise.resolve({ supported: false, reason: 'not pmem' }) });
    expect(reportOf(await queryBadBlocks(noList, whole))).toEqual({ status: 'unsupported', reason: 'not pmem' });
    const noExtents = scriptedFile({
      badBlocks: () => Promise.resolve({ supported: true, ranges: [{ offset: 0, length: 512 }] }),
      extents: () => Promise.resolve({ failure: { syscall: 'ioctl', errno: Errno.EOPNOTSUPP } }),
    });
    expect((await queryBadBlocks(noExtents, whole)).supported).toBe(false);
    const floating = fileWith([{ offset: 0, length: 512 }], [extent(0, 0, 4096, { unmapped: true })]);
    expect((await queryBadBlocks(floating, whole)).supported).toBe(false);
  });

  const MiB = 1024 * 1024;
  it.each([
    ['one extent has all of the aligned 2 MiB', [extent(0, 512 * MiB, 8 * MiB)], true],
    ['the extent begins within them', [extent(2 * MiB + 4096, 512 * MiB, 6 * MiB)], false],
    ['the extent ends within them', [extent(0, 512 * MiB, 4 * MiB - 4096)], false],
    ['two extents have them', [extent(0, 512 * MiB, 3 * MiB), extent(3 * MiB, 700 * MiB, 5 * MiB)], false],
  ])('may have been mapped by one entry of 2 MiB: %s', async (_, extents, mayBeHuge) => {
    const [first] = extents;
    const page = 2 * MiB + 5 * 4096;
    const physical = (first?.physicalOffset ?? 0) + page - (first?.offset ?? 0);
    const file = fileWith([{ offset: physical, length: 512 }], extents);
    for (const within of [{ offset: 0, length: 8 * MiB }, { offset: page, length: 4096 }]) {
      const answer = await queryBadBlocks(file, within);
      const seen = answer.supported && answer.blocks.map((block) => [block.offset, block.mayBeHuge]);
      expect(seen).toEqual([[page, mayBeHuge]]);
    }
  });
});
