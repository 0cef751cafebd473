import { describe, expect, it } from 'vitest';
import { queryBadBlocks, reportOf } from '../src/bad-blocks.js';
import type { Extent } from '../src/index.js';
import { Errno } from '../src/index.js';
import { scriptedFile } from './scripted-file.js';

const extent = (offset: number, physicalOffset: number, length: number, flags: Partial<Extent> = {}): Extent => ({
  offset, physicalOffset, length, unwritten: false, shared: false, unmapped: false, ...flags,
});
const whole = { offset: 0, length: 65_536 };

function fileWith(ranges: readonly { offset: number; length: number }[], extents: readonly Extent[]) {
  return scriptedFile({
    badBlocks: () => Promise.resolve({ supported: true, ranges }),
    extents: () => Promise.resolve({ extents }),
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
});
