import { describe, expect, it } from 'vitest';
import { refusedCuts, unreadableCuts, type Cut } from '../src/resize/cuts.js';
import type { FileFacts } from '../src/index.js';
import { Errno } from '../src/index.js';
import { facts, scriptedFile } from './scripted-file.js';

const page = (index: number, length = 4096) => ({ offset: index * 4096, length });
const cannotClear = { provider: 'ACPI.NFIT', commands: [] };

/** A file whose preads of page 5 give `errno`; notes the pages that were asked. */
function fileWith(errno: number, changed: Partial<FileFacts> = {}) {
  const asked: number[] = [];
  const file = scriptedFile({
    facts: { ...facts, ...changed },
    pread: (target, position) => {
      asked.push(position / 4096);
      const isBad = position === 5 * 4096;
      return Promise.resolve(isBad ? { errno, transferredBytes: 0 } : { errno: 0, transferredBytes: target.length });
    },
  });
  return { file, asked };
}

function cut(sizeBytes: number, newSizeBytes: number, more: Partial<Cut> = {}): Cut {
  return { sizeBytes, newSizeBytes, bad: [], allowRelease: false, ...more };
}

describe('an end that falls into a page which another process has met', () => {
  it.each([Errno.EFAULT, Errno.EIO, Errno.EHWPOISON])('errno %i: neither end moves', async (errno) => {
    for (const ends of [[16 * 4096, 5 * 4096 + 1], [5 * 4096 + 4095, 16 * 4096]] as const) {
      const { file } = fileWith(errno);
      expect(await refusedCuts(file, cut(...ends))).toEqual({ known: [], found: [page(5)] });
      expect(await unreadableCuts(file, ends)).toEqual([page(5)]);
    }
  });

  it('an end on the border of a page zeroes nothing, and asks nothing', async () => {
    const { file, asked } = fileWith(Errno.EFAULT);
    expect(await refusedCuts(file, cut(16 * 4096, 5 * 4096))).toEqual({ known: [], found: [] });
    expect(asked).toEqual([]);
  });

  it('what is known is named so; it is only asked whether the kernel holds it back', async () => {
    const { file, asked } = fileWith(Errno.EIO);
    const asCut = cut(16 * 4096, 5 * 4096 + 1, { bad: [page(5)] });
    expect(await refusedCuts(file, asCut)).toEqual({ known: [page(5)], found: [] });
    expect(asked).toEqual([5]);
  });

  it('any other errno is for ftruncate to report', async () => {
    const { file } = fileWith(Errno.EINTR);
    expect(await refusedCuts(file, cut(16 * 4096, 5 * 4096 + 1))).toEqual({ known: [], found: [] });
  });

  it('without DAX the kernel zeroes its page cache: nothing is asked', async () => {
    const { file, asked } = fileWith(Errno.EIO, { dax: false });
    expect(await refusedCuts(file, cut(16 * 4096, 5 * 4096 + 1))).toEqual({ known: [], found: [] });
    expect(await unreadableCuts(file, [5 * 4096 + 1])).toEqual([]);
    expect(asked).toEqual([]);
  });
});

describe('a bad page that would be cut off', () => {
  const off = (more: Partial<Cut> = {}) => cut(16 * 4096, 4 * 4096, { bad: [page(5)], ...more });

  it('a device that clears: the next owner may have it, unless the kernel holds it back', async () => {
    expect(await refusedCuts(fileWith(Errno.EIO).file, off())).toEqual({ known: [], found: [] });
    expect(await refusedCuts(fileWith(Errno.EFAULT).file, off())).toEqual({ known: [page(5)], found: [] });
  });

  it('a device that does not clear: kept, and not asked', async () => {
    const { file, asked } = fileWith(Errno.EIO, { bus: cannotClear });
    expect(await refusedCuts(file, off())).toEqual({ known: [page(5)], found: [] });
    expect(asked).toEqual([]);
  });

  it('allowRelease gives it away', async () => {
    for (const bus of [cannotClear, facts.bus]) {
      const { file } = fileWith(Errno.EFAULT, { bus });
      expect(await refusedCuts(file, off({ allowRelease: true }))).toEqual({ known: [], found: [] });
    }
  });
});
