/** Zero-range, punch-hole, and what becomes of the block. */
import { FileSteps, page, pageBytes } from './file-steps.js';
import type { Scenario, Step } from './step.js';

const a = new FileSteps('a', 1);
const b = new FileSteps('b', 101);
const size = page(16);
const bad = page(5);
const poisoned = [...a.written(size), a.inject(bad + 1536)];
const look = [a.badBlocks(), a.block(bad), a.extents(), a.pread(bad)];
/** File b takes and writes space until it has had every block that was free near file a. */
const inheritor: readonly Step[] = [b.create(page(64)), b.fill(page(64)), b.extents()];
/** File b, file a in the blocks right after it, and poison in the first block of a. */
const neighbours: readonly Step[] = [...b.written(page(16)), ...a.written(page(16)), a.inject(0)];
/** File b takes the next block there is, which is a's first one if that has become free, and writes to it. */
const neighbourGrows: readonly Step[] = [
  b.resize(page(17)), b.block(page(16)), b.badBlocks(), b.pwrite(page(16)), b.pread(page(16)), b.badBlocks(), b.sync(), b.pread(page(15)), b.size(),
];

export const repairScenarios: readonly Scenario[] = [
  {
    name: 'zero-range-page',
    title: 'Zero-range alone: zeros at once, and the media as bad as before.',
    steps: [...poisoned, a.zeroRange(bad), ...look, a.load(bad), a.pread(0, size), a.probe(bad)],
  },
  {
    name: 'zero-range-then-write-page',
    title: 'Zero-range, then a write of the page: the repair that works on every kernel.',
    steps: [...poisoned, a.zeroRange(bad), a.pwrite(bad), ...look, a.load(bad), a.store(bad + 8), a.load(bad, 24), a.sync(), a.badBlocks()],
  },
  {
    name: 'zero-range-then-write-part',
    title: 'Zero-range, then a write of 100 bytes.',
    steps: [...poisoned, a.zeroRange(bad), a.pwrite(bad + 100, 100), ...look, a.load(bad), a.load(bad + 100)],
  },
  {
    name: 'zero-range-then-store',
    title: 'Zero-range, then a store through the mapping.',
    steps: [...poisoned, a.zeroRange(bad), a.store(bad + 8), ...look, a.load(bad, 24)],
  },
  {
    name: 'zero-range-then-load-then-store',
    title: 'Zero-range, a load of the zeros, then a store.',
    steps: [...poisoned, a.zeroRange(bad), a.load(bad), a.store(bad + 8), a.load(bad, 24), ...look],
  },
  {
    name: 'zero-range-after-a-fault',
    title: 'Zero-range and a write of a page whose load has already faulted.',
    steps: [...poisoned, a.load(bad), a.store(bad), a.zeroRange(bad), a.load(bad), a.pwrite(bad), a.load(bad), a.remap(bad), a.load(bad), a.badBlocks()],
  },
  {
    name: 'zero-range-part-of-page',
    title: 'Zero-range of less than the bad page is refused, and changes nothing.',
    steps: [
      ...poisoned, a.zeroRange(bad, 512), a.zeroRange(bad + 100, 100), a.zeroRange(bad, 4095), a.zeroRange(bad + 1536, 512), ...look, a.pread(page(4)), a.pread(page(6)),
    ],
  },
  {
    name: 'zero-range-into-page',
    title: 'A zero-range that ends inside the bad page fails, and zeroes the good pages before it all the same.',
    steps: [...poisoned, a.zeroRange(page(3), page(2) + 100), ...look, a.pread(page(3)), a.pread(page(4)), a.zeroRange(bad + 100, pageBytes * 2), a.pread(page(6)), a.extents()],
  },
  {
    name: 'zero-range-unaligned-over-page',
    title: 'An unaligned zero-range that covers the bad page whole.',
    steps: [...poisoned, a.zeroRange(page(4) + 100, pageBytes * 2), ...look, a.pread(page(4)), a.pread(page(6)), a.pwrite(bad), a.badBlocks()],
  },
  {
    name: 'zero-range-many-pages',
    title: 'Zero-range over many pages, then writes of the bad page alone and of another.',
    steps: [...poisoned, a.zeroRange(page(3), page(6)), ...look, a.pwrite(page(4)), a.badBlocks(), a.pwrite(bad), ...look],
  },
  {
    name: 'zero-range-good-page',
    title: 'Zero-range of a good page: does its block stay?',
    steps: [...a.written(size), a.block(bad), a.zeroRange(bad), a.block(bad), a.extents(), a.pwrite(bad), a.block(bad), a.extents(), a.pread(bad)],
  },
  {
    name: 'zero-range-then-another-file',
    title: 'Zero-range, then another file takes free space: who has the bad block now?',
    steps: [...poisoned, a.zeroRange(bad), a.pwrite(bad), a.badBlocks(), b.create(page(64)), b.extents(), b.badBlocks(), b.fill(page(64)), b.badBlocks(), b.pread(0, page(2))],
  },
  {
    name: 'zero-range-truncated-away',
    title: 'A zeroed bad page that is truncated away goes back to free space as it is.',
    steps: [...poisoned, a.zeroRange(bad), a.resize(page(5)), a.badBlocks(), a.resize(size), a.badBlocks(), a.pread(bad), a.pwrite(bad), a.badBlocks()],
  },
  {
    name: 'punch-then-write',
    title: 'The folk cure: punch a hole, write the page.',
    steps: [...poisoned, a.punch(bad), ...look, a.load(bad), a.pwrite(bad), ...look],
  },
  {
    name: 'punch-then-allocate-then-write',
    title: 'The folk cure as PMDK does it: punch a hole, allocate, write.',
    steps: [...poisoned, a.punch(bad), a.allocate(bad), ...look, a.pwrite(bad), ...look, a.sync(), a.badBlocks()],
  },
  {
    name: 'punch-then-store',
    title: 'Punch a hole, store through the mapping.',
    steps: [...poisoned, a.load(bad), a.punch(bad), a.load(bad), a.store(bad + 8), ...look],
  },
  {
    name: 'punch-part-of-page',
    title: 'A punch of less than the bad page.',
    steps: [...poisoned, a.punch(bad + 100, 100), a.punch(bad, 512), ...look],
  },
  {
    name: 'punch-then-another-file',
    title: 'The danger of the folk cure: another file gets the bad block, and its write meets the poison.',
    steps: [...poisoned, a.punch(bad), b.create(page(1)), b.block(0), b.badBlocks(), b.pwrite(0), b.pread(0), b.badBlocks(), a.pwrite(bad), ...look, a.sync()],
  },
  {
    name: 'punch-then-many-blocks',
    title: 'The same with a larger file.',
    steps: [...poisoned, a.punch(bad), b.create(page(64)), b.extents(), b.badBlocks(), b.pwrite(0, page(64)), b.badBlocks(), b.pread(0), a.pread(page(4))],
  },
  {
    name: 'punch-then-neighbour-grows',
    title: 'The danger of the folk cure: the file before it grows into the bad block, and its write meets the poison.',
    steps: [...neighbours, a.punch(0), a.sync(), ...neighbourGrows, a.pwrite(0), a.block(0), a.badBlocks(), a.pread(0), a.pread(page(1))],
  },
  {
    name: 'punch-then-neighbour-appends',
    title: 'The same by a program that appends: the block is allocated in the middle of its write.',
    steps: [
      ...neighbours, a.punch(0), a.sync(), b.foreignWrite(page(16), pageBytes), b.size(), b.block(page(16)), b.badBlocks(), b.pread(page(15)), b.sync(), a.pread(page(1)),
      a.pwrite(0), a.pread(0),
    ],
  },
  {
    name: 'zero-range-then-neighbour-grows',
    title: 'Where zero-range relocates, the file before it grows into the bad block all the same.',
    steps: [...neighbours, a.zeroRange(0), a.pwrite(0), a.sync(), a.badBlocks(), ...neighbourGrows, a.pread(0), a.pread(page(1))],
  },
  {
    name: 'recovery-write-then-neighbour-grows',
    title: 'After a recovery write there is nothing to inherit.',
    steps: [...neighbours, a.pwrite(0), a.sync(), a.badBlocks(), ...neighbourGrows, a.pread(0), a.pread(page(1))],
  },
  {
    name: 'zero-range-on-full-filesystem',
    title: 'Zero-range when nothing is free to relocate to.',
    steps: [...poisoned, { do: 'exhaust' }, a.zeroRange(bad), ...look, a.pwrite(bad), ...look],
  },
  {
    name: 'write-on-full-filesystem',
    title: 'The recovery write needs no free space.',
    steps: [...poisoned, { do: 'exhaust' }, a.pwrite(bad), ...look],
  },
  {
    name: 'second-repair-of-a-page',
    title: 'A page that goes bad again after its repair.',
    steps: [...poisoned, a.zeroRange(bad), a.pwrite(bad), a.badBlocks(), a.inject(bad), a.pread(bad), a.zeroRange(bad), a.pwrite(bad), ...look],
  },
  {
    name: 'repair-then-inheritance',
    title: 'After an in-place recovery write no other file can inherit the poison.',
    steps: [...poisoned, a.pwrite(bad), a.badBlocks(), ...inheritor, b.badBlocks(), b.pread(0, page(64))],
  },
];
