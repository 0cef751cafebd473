/** Blocks that two files share, and copies made by the kernel. Only XFS can share. */
import { FileSteps, page } from './file-steps.js';
import type { Scenario } from './step.js';

const a = new FileSteps('a', 1);
const b = new FileSteps('b', 101);
const size = page(16);
const bad = page(5);
/** File b shares every block of file a; then the block of page 5 goes bad. */
const own = page(20);
/**
 * Pages 16 to 31 of file a have never been shared. A write of page 5, which is, has XFS set blocks aside for copies of
 * the 32 pages around it (the hint cowextsize), and so for these too. Then page 20 goes bad.
 */
const aside = [
  ...a.written(size), a.sync(), a.reflinkTo(b), b.open(), a.resize(page(32)), a.pwrite(size, size, 7), a.sync(),
  a.block(own), a.pwrite(bad), a.extents(), a.inject(own),
];
const shared = [...a.written(size), a.sync(), a.reflinkTo(b), b.open(), a.inject(bad)];

export const sharingScenarios: readonly Scenario[] = [
  {
    name: 'reflink-shares-poison',
    title: 'A clone of a poisoned file succeeds without a word, and has the poison too.',
    steps: [...a.written(size), a.inject(bad), a.sync(), a.reflinkTo(b), b.open(), b.extents(), b.badBlocks(), b.pread(bad), b.pread(page(4)), b.load(bad), a.pread(bad)],
  },
  {
    name: 'copy-range-of-poison',
    title: 'copy_file_range of a poisoned file.',
    steps: [...a.written(size), a.inject(bad), a.sync(), a.copyRangeTo(b), b.open(), b.extents(), b.pread(bad), b.pread(page(4)), a.pread(bad)],
  },
  {
    name: 'reflinked-write',
    title: 'A recovery write of a shared bad page, from either side.',
    steps: [...shared, a.extents(), a.badBlocks(), b.badBlocks(), a.pwrite(bad), b.pwrite(bad), a.badBlocks(), a.pread(bad), b.pread(bad), a.pread(page(4)), a.extents()],
  },
  {
    name: 'reflinked-write-many',
    title: 'A write of many shared pages with the bad one among them.',
    steps: [...shared, a.pwrite(page(3), page(5)), a.badBlocks(), a.extents(), a.pread(page(3)), b.pread(page(3)), a.pread(bad)],
  },
  {
    name: 'reflinked-write-part',
    title: 'A write of a part of a shared bad page, and of a part of a shared good one.',
    steps: [...shared, a.pwrite(bad + 100, 100), a.pwrite(page(6) + 100, 100), a.pread(page(6)), b.pread(page(6)), a.extents()],
  },
  {
    name: 'reflinked-store',
    title: 'A store to a shared page copies the block first.',
    steps: [...shared, a.load(bad), a.store(bad), a.store(page(4)), a.load(page(4), 16), b.load(page(4), 16), a.extents()],
  },
  {
    name: 'reflinked-unshare',
    title: 'Unsharing a bad page has to read it.',
    steps: [...shared, a.unshare(bad), a.unshare(page(4)), a.extents(), a.badBlocks()],
  },
  {
    name: 'reflinked-zero-range',
    title: 'Zero-range gives one side a block of its own; the write of the other side then clears the bad one.',
    steps: [
      ...shared, a.zeroRange(bad), a.extents(), b.extents(), a.badBlocks(), b.badBlocks(), a.pwrite(bad), a.pread(bad), b.pread(bad), b.pwrite(bad), b.pread(bad),
      b.badBlocks(), a.pread(bad),
    ],
  },
  {
    name: 'reflinked-zero-range-both',
    title: 'Zero-range and a write on both sides.',
    steps: [...shared, a.zeroRange(bad), a.pwrite(bad), b.zeroRange(bad), b.pwrite(bad), a.badBlocks(), b.badBlocks(), a.pread(bad), b.pread(bad)],
  },
  {
    name: 'reflinked-other-side-gone',
    title: 'A recovery write after the other side was emptied. (A deleted file gives its blocks back later, in the background.)',
    steps: [...shared, b.truncate(0), a.sync(), a.extents(), a.pwrite(bad), a.badBlocks(), a.pread(bad)],
  },
  {
    name: 'set-aside-write',
    title: 'A recovery write of a bad page that is not shared, beside one that was copied.',
    steps: [
      ...aside, a.pread(own), a.pwrite(own), a.badBlocks(), a.block(own), a.extents(), a.pread(own), a.pread(page(21)),
    ],
  },
  {
    name: 'set-aside-store',
    title: 'A store to such a page, and to a good one.',
    steps: [...aside, a.store(own), a.store(page(21)), a.block(own), a.extents(), a.load(page(21), 16), a.pread(own)],
  },
  {
    name: 'set-aside-zero-range',
    title: 'Zero-range and a write of such a page.',
    steps: [
      ...aside, a.zeroRange(own), a.badBlocks(), a.block(own), a.extents(), a.pwrite(own), a.badBlocks(), a.block(own),
      a.pread(own), a.pread(page(21)), b.pread(bad),
    ],
  },
];
