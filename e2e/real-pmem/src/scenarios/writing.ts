/** What a pwrite does to a bad page: since Linux 5.19 a whole page may clear it. */
import { FileSteps, fragmented, page, pageBytes } from './file-steps.js';
import type { Scenario } from './step.js';

const a = new FileSteps('a', 1);
const b = new FileSteps('b', 101);
const size = page(16);
const bad = page(5);
/** The bad sector in the middle of page 5, and at its start: since Linux 5.19 this makes a difference to pwrite. */
const poisoned = [...a.written(size), a.inject(bad + 1536)];
const poisonedAtStart = [...a.written(size), a.inject(bad)];
/** What to look at after an attempt: the list, the block, the content. */
const look = [a.badBlocks(), a.block(bad), a.pread(bad), a.pread(page(4)), a.pread(page(6))];

export const writingScenarios: readonly Scenario[] = [
  {
    name: 'write-whole-page',
    title: 'The recovery write: one aligned page.',
    steps: [...poisoned, a.pwrite(bad), ...look, a.load(bad, 16), a.store(bad), a.load(bad, 16), a.pwrite(bad, 100), a.pread(bad)],
  },
  {
    name: 'write-whole-page-whole-block-bad',
    title: 'The recovery write where every sector of the page is bad.',
    steps: [...a.written(size), a.inject(bad, pageBytes), a.badBlocks(), a.pwrite(bad), ...look],
  },
  {
    name: 'write-part-of-page',
    title: 'Less than the page: never accepted, and nothing changes.',
    steps: [
      ...poisoned, a.pwrite(bad + 100, 100), a.pwrite(bad, 512), a.pwrite(bad, 4095), a.pwrite(bad + 1, 4095), a.pwrite(bad + 1536, 512), ...look,
    ],
  },
  {
    name: 'write-many-pages',
    title: 'Many whole pages with the bad one among them.',
    steps: [...poisoned, a.pwrite(page(2), page(8)), ...look, a.pread(0, size)],
  },
  {
    name: 'write-two-bad-pages',
    title: 'Whole pages over two bad ones at once.',
    steps: [...poisoned, a.inject(page(9)), a.pwrite(page(4), page(7)), a.badBlocks(), a.pread(0, size)],
  },
  {
    name: 'write-two-adjacent-bad-pages',
    title: 'Two bad pages side by side, written one after the other.',
    steps: [...poisoned, a.inject(page(6) + 512), a.pwrite(bad), a.badBlocks(), a.pread(bad), a.pread(page(6)), a.pwrite(page(6)), a.badBlocks(), a.pread(page(4), page(4))],
  },
  {
    name: 'write-straddled-pages',
    title: 'One bad range over the boundary of two pages: each write clears its own part.',
    steps: [
      ...a.written(size), a.inject(bad + 2048, pageBytes), a.badBlocks(), a.pread(bad), a.pread(page(6)), a.pwrite(bad), a.badBlocks(), a.pread(bad), a.pread(page(6)),
      a.pwrite(page(6)), a.badBlocks(), a.pread(bad, page(2)),
    ],
  },
  ...([['at-start', poisonedAtStart], ['in-middle', poisoned]] as const).flatMap(([where, setup]): Scenario[] => [
    {
      name: `write-unaligned-over-page-bad-${where}`,
      title: `An unaligned span that covers the bad page whole; the bad sector is ${where.replace('-', ' ')} of the page.`,
      steps: [...setup, a.pwrite(page(4) + 100, pageBytes * 2), ...look],
    },
    {
      name: `write-aligned-start-over-page-bad-${where}`,
      title: `A span from a page boundary to 100 bytes beyond the bad page; the bad sector is ${where.replace('-', ' ')} of the page.`,
      steps: [...setup, a.pwrite(page(4), pageBytes * 2 + 100), ...look, a.pwrite(bad, pageBytes + 100), ...look],
    },
    {
      name: `write-unaligned-into-page-bad-${where}`,
      title: `A span that ends inside the bad page; the bad sector is ${where.replace('-', ' ')} of the page.`,
      steps: [...setup, a.pwrite(page(3), page(2) + 100), ...look, a.pread(page(3), page(2)), a.pwrite(page(3) + 100, page(2)), ...look, a.pread(page(3), page(2))],
    },
    {
      name: `write-unaligned-from-page-bad-${where}`,
      title: `A span that begins inside the bad page; the bad sector is ${where.replace('-', ' ')} of the page.`,
      steps: [...setup, a.pwrite(bad + 100, page(2)), a.pwrite(bad + 4000, 200), ...look],
    },
  ]),
  ...([['a-hole', false], ['an-unwritten-block', true]] as const).map(([what, preallocate]): Scenario => ({
    name: `write-from-${what}-into-bad-page`,
    title: `A span that begins in ${what.replaceAll('-', ' ')} and ends inside the bad page after it.`,
    steps: [
      a.create(page(3), preallocate), a.pwrite(0), a.pwrite(page(2)), a.extents(), a.inject(page(2)),
      a.pwrite(page(1), pageBytes + 100), a.extents(), a.badBlocks(), a.pread(page(1)), a.pread(page(2)),
    ],
  })),
  {
    name: 'write-fragmented-file',
    title: 'A write over two extents, the second with the bad page.',
    steps: [
      ...fragmented(a, b), a.extents(), a.inject(page(34)), a.pwrite(page(30), page(6)), a.badBlocks(), a.block(page(34)), a.pread(0, page(64)),
      a.pread(page(32), page(32)),
    ],
  },
  {
    name: 'write-fragmented-file-in-part',
    title: 'A write over two extents that ends inside the bad page of the second.',
    steps: [
      ...fragmented(a, b), a.extents(), a.inject(page(34)), a.pwrite(page(30), page(4) + 100), a.pwrite(page(32), page(2) + 100), a.badBlocks(),
      a.pread(page(30), page(4)),
    ],
  },
  {
    name: 'write-under-a-mapping',
    title: 'A recovery write under a mapping that already has the page: loads see the new bytes.',
    steps: [...a.written(size), a.load(bad), a.inject(bad), a.pwrite(bad), a.load(bad), a.badBlocks(), a.remap(bad), a.load(bad), a.store(bad), a.load(bad, 16)],
  },
  {
    name: 'write-after-a-fault',
    title: 'A recovery write of a page whose load has already faulted: the mapping works again.',
    steps: [...poisoned, a.load(bad), a.pwrite(bad), a.load(bad), a.remap(bad), a.load(bad), a.store(bad + 8), a.load(bad, 24), a.badBlocks()],
  },
];
