/**
 * Files of which the kernel maps 2 MiB by one entry. What one touch of any page has mapped goes on working, so whether
 * a page that goes bad afterwards can still be loaded tells how it was mapped.
 */
import { FileSteps, page } from './file-steps.js';
import type { Scenario } from './step.js';

const a = new FileSteps('a', 1);
const size = page(512);
const bad = page(5);
const later = page(9);
const hugePages = true;

export const hugePageScenarios: readonly Scenario[] = [
  {
    name: 'huge-load',
    title: 'One load maps all 2 MiB: a page that goes bad later can be loaded until it is mapped anew.',
    hugePages,
    steps: [
      ...a.written(size), a.extents(), a.load(0), a.inject(bad + 1536), a.load(bad), a.load(page(511)), a.pread(bad),
      a.remap(bad), a.load(bad), a.load(page(4)),
      a.load(page(6)), a.inject(later), a.load(later), a.badBlocks(),
    ],
  },
  {
    name: 'huge-load-page-by-page',
    title: 'Mapped page by page, a load maps its page alone.',
    hugePages,
    steps: [
      ...a.written(size), a.avoidHugePages(), a.load(0), a.inject(bad + 1536), a.load(bad), a.load(page(4)),
      a.load(page(6)), a.inject(later), a.load(later),
    ],
  },
  {
    name: 'huge-store',
    title: 'One store maps all 2 MiB for stores.',
    hugePages,
    steps: [
      ...a.written(size), a.store(0), a.inject(bad + 1536), a.store(bad + 8), a.load(bad, 24), a.pread(bad),
      a.remap(bad), a.load(bad), a.store(bad + 8), a.load(page(6)),
    ],
  },
  {
    name: 'huge-load-then-store',
    title: 'A store to 2 MiB that are mapped for loads, once one page of them has gone bad.',
    hugePages,
    steps: [
      ...a.written(size), a.load(0), a.inject(bad), a.load(bad), a.store(later), a.load(later, 16), a.load(bad),
      a.load(page(4)), a.load(page(300)),
    ],
  },
  {
    name: 'huge-bad-first',
    title: 'Around a page that is known to be bad 2 MiB are mapped page by page.',
    hugePages,
    steps: [
      ...a.written(size), a.inject(bad), a.load(page(4)), a.inject(later), a.load(later), a.load(bad), a.store(bad),
      a.load(page(6)), a.pread(0, size), a.pread(page(10)),
    ],
  },
  {
    name: 'huge-recovery-write',
    title: 'A recovery write of a page in 2 MiB that are mapped: it is cleared in place, and the mapping stays.',
    hugePages,
    steps: [
      ...a.written(size), a.load(0), a.inject(bad), a.load(bad), a.pwrite(bad), a.badBlocks(), a.block(bad),
      a.extents(), a.load(bad), a.inject(later), a.load(later),
      a.pwrite(later), a.load(later), a.badBlocks(),
    ],
  },
  {
    name: 'huge-recovery-write-after-a-fault',
    title: 'What was mapped page by page for a bad page stays so after the recovery write, also for a later open.',
    hugePages,
    steps: [
      ...a.written(size), a.inject(bad), a.load(page(4)), a.load(bad), a.pwrite(bad), a.badBlocks(), a.load(bad),
      a.remap(0, size), a.load(0), a.inject(later), a.load(later),
      a.pwrite(later), a.close(), a.open(), a.load(0), a.inject(bad), a.load(bad), a.extents(),
    ],
  },
  {
    name: 'huge-zero-range',
    title: 'Zero-range and a write of a page in 2 MiB that are mapped.',
    hugePages,
    steps: [
      ...a.written(size), a.load(0), a.inject(bad), a.load(bad), a.zeroRange(bad), a.badBlocks(), a.block(bad),
      a.extents(), a.load(bad), a.pwrite(bad), a.badBlocks(), a.extents(),
      a.load(bad), a.load(0), a.inject(later), a.load(later),
    ],
  },
  {
    name: 'huge-unwritten-store',
    title: 'The first store to 2 MiB that were allocated and never written.',
    hugePages,
    steps: [
      a.create(size), a.load(page(1)), a.store(page(3)), a.extents(), a.load(bad), a.inject(later), a.load(later),
      a.store(later),
    ],
  },
  {
    name: 'huge-unwritten-poison',
    title: 'The same, with a bad page elsewhere in them.',
    hugePages,
    steps: [
      a.create(size), a.inject(bad), a.store(page(3)), a.extents(), a.badBlocks(), a.load(bad), a.inject(later),
      a.load(later), a.pread(bad),
    ],
  },
  {
    name: 'huge-unwritten-written-around-poison',
    title: 'A write of 2 MiB that were never written, with a bad page in their first half.',
    hugePages,
    steps: [
      a.create(size), a.inject(bad), a.pwrite(0, size), a.extents(), a.pread(page(4)), a.pread(page(6)),
      a.pread(page(300)), a.pwrite(bad), a.extents(),
    ],
  },
  {
    name: 'huge-unwritten-poison-in-second-half',
    title: 'The first store to 2 MiB that were never written, with a bad page in their second half.',
    hugePages,
    steps: [
      a.create(size), a.inject(page(300)), a.store(page(3)), a.extents(), a.load(page(4)), a.load(page(299)),
      a.load(page(300)), a.load(page(301)), a.inject(later), a.load(later),
    ],
  },
  {
    name: 'huge-hole-store',
    title: 'The first store to 2 MiB of a sparse file.',
    hugePages,
    steps: [
      a.create(size, false), a.load(page(1)), a.store(page(3)), a.extents(), a.load(bad), a.store(later), a.extents(),
    ],
  },
];
