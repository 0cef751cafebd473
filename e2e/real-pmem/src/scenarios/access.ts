/** What poison does to reads, loads and stores that nobody tries to repair. */
import { FileSteps, fragmented, page, pageBytes } from './file-steps.js';
import type { Scenario } from './step.js';

const a = new FileSteps('a', 1);
const b = new FileSteps('b', 101);
const pages = 16;
const size = page(pages);
const bad = page(5);
/** File a, 16 written pages, with one bad sector in page 5 that came before anything was mapped. */
const poisoned = [...a.written(size), a.inject(bad + 1536)];

export const accessScenarios: readonly Scenario[] = [
  {
    name: 'read-one-extent',
    title: 'A pread that touches the bad page anywhere in one extent gives nothing at all; neighbours are fine.',
    steps: [
      ...poisoned, a.extents(), a.badBlocks(), a.pread(0, size), a.pread(0, page(6)), a.pread(0, page(5)), a.pread(page(4)),
      a.pread(page(6)), a.pread(bad), a.pread(page(4), page(2)), a.pread(page(4) + 100, pageBytes), a.probe(bad), a.probe(page(4)),
    ],
  },
  {
    name: 'read-bad-sector-grain',
    title: 'One bad sector takes its whole page: not one good sector of it can be read.',
    steps: [
      ...poisoned, a.pread(bad, 512), a.pread(bad + 1024, 512), a.pread(bad + 1536, 512), a.pread(bad + 3584, 512), a.pread(bad - 1, 2),
      a.pread(bad + pageBytes - 1, 1), a.pread(bad + pageBytes, 1),
    ],
  },
  {
    name: 'read-two-bad-pages',
    title: 'Between two bad pages the good ones can be read, each by itself or together.',
    steps: [
      ...poisoned, a.inject(page(9), 4096), a.badBlocks(), a.pread(page(6), page(3)), a.pread(page(6), page(4)), a.pread(page(10), page(6)),
      a.pread(0, size),
    ],
  },
  {
    name: 'read-fragmented-file',
    title: 'In a fragmented file a read ends short where the extent with the bad page begins, and fails when it starts there.',
    steps: [
      ...fragmented(a, b), a.extents(), a.inject(page(34)), a.pread(0, page(64)), a.pread(page(31), page(2)), a.pread(page(31), page(4)),
      a.pread(page(32), page(2)), a.pread(page(32), page(4)), a.pread(page(34)), a.pread(page(35), page(29)),
    ],
  },
  {
    name: 'read-around-a-hole',
    title: 'A hole between two extents is zeros, and ends what a bad page can spoil.',
    steps: [
      a.create(size, false), a.pwrite(0, page(5), 1), a.pwrite(page(7), page(9), 2), a.extents(), a.inject(page(8)), a.pread(0, size),
      a.pread(page(5), page(2)), a.pread(page(6), page(3)), a.pread(page(7)), a.probe(page(5)), a.load(page(5)),
    ],
  },
  {
    name: 'load',
    title: 'A load from the bad page is a SIGBUS at its exact address; the neighbouring pages load.',
    steps: [...poisoned, a.load(page(4), page(1)), a.load(bad), a.load(bad + 100), a.load(bad + 4088), a.load(page(6), page(1)), a.load(page(4), page(3)), a.probe(bad)],
  },
  {
    name: 'store',
    title: 'A store to the bad page is a SIGBUS too, whole page or not, and repairs nothing.',
    steps: [
      ...poisoned, a.store(bad + 8), a.store(bad, pageBytes), a.store(page(4), page(1)), a.store(page(4) + 4000, 200), a.badBlocks(),
      a.pread(bad), a.pread(page(4)), a.pread(page(6)),
    ],
  },
  {
    name: 'load-in-large-file',
    title: 'In a file large enough for 2 MiB mappings still only the bad page faults.',
    steps: [
      ...a.written(page(1024)), a.inject(page(600)), a.load(page(599)), a.load(page(600)), a.load(page(601)), a.load(page(100)), a.store(page(599)), a.store(page(600)),
      a.load(page(599), 16), a.pread(page(600)), a.pread(page(601)),
    ],
  },
  {
    name: 'load-through-old-mapping',
    title: 'A page that was mapped before the kernel knew keeps working through that mapping until it is mapped anew.',
    steps: [
      ...a.written(size), a.load(bad), a.inject(bad), a.load(bad), a.pread(bad), a.store(bad + 8), a.load(bad, 24), a.badBlocks(), a.pread(bad), a.remap(bad),
      a.load(bad), a.store(bad + 8),
    ],
  },
  {
    name: 'truncate-ends-old-mappings',
    title: 'Every ftruncate has the whole file mapped anew, and so tells old mappings of the bad page, wherever the file ends and even where it fails.',
    steps: [
      ...a.written(size), a.load(bad), a.store(page(9)), a.inject(bad), a.inject(page(9)), a.load(bad), a.truncate(page(20)), a.load(bad), a.load(page(9)), a.store(page(9)),
      a.pwrite(bad), a.pwrite(page(9)), a.load(bad), a.store(page(9)), a.inject(bad), a.inject(page(9)), a.truncate(bad + 100), a.load(page(4)), a.load(bad), a.load(page(9)),
    ],
  },
  {
    name: 'fallocate-ends-old-mappings',
    title: 'Zero-range, punch and allocation elsewhere in the file: which of them end old mappings of the bad page?',
    steps: [
      a.create(page(20), false), a.pwrite(0, size, 1), a.load(bad), a.inject(bad), a.allocate(page(17)), a.load(bad), a.remap(bad), a.pwrite(bad), a.load(bad), a.inject(bad),
      a.zeroRange(page(9) + 100, 100), a.load(bad), a.zeroRange(page(9)), a.load(bad), a.pwrite(bad), a.load(bad), a.inject(bad), a.punch(page(10)), a.load(bad),
      a.pwrite(bad), a.load(bad), a.inject(bad), a.punch(page(30)), a.load(bad),
    ],
  },
  {
    name: 'persist-and-sync',
    title: 'Neither fdatasync nor a flush of good pages tells about poison.',
    steps: [...poisoned, a.sync(), a.store(page(4)), a.persist(page(4)), a.load(page(4), 16), a.sync(), a.badBlocks()],
  },
  {
    name: 'poison-under-unwritten-blocks',
    title: 'A block that was allocated and never written reads as zeros without a look at the media.',
    steps: [
      a.create(size), a.extents(), a.inject(bad), a.badBlocks(), a.pread(0, size), a.pread(bad), a.load(bad), a.probe(bad), a.badBlocks(),
    ],
  },
  {
    name: 'store-to-unwritten-poison',
    title: 'The first store to an allocated, never written block whose media is bad.',
    steps: [a.create(size), a.inject(bad), a.store(bad + 8), a.pread(bad), a.load(bad, 24), a.badBlocks(), a.extents(), a.store(page(6)), a.pread(page(6))],
  },
  {
    name: 'write-part-of-unwritten-poison',
    title: 'The first pwrite of a part of an allocated, never written block whose media is bad.',
    steps: [a.create(size), a.inject(bad), a.pwrite(bad + 100, 100), a.pread(bad), a.badBlocks(), a.extents(), a.pwrite(bad + 100, 100), a.pread(bad)],
  },
  {
    name: 'load-then-store-unwritten-poison',
    title: 'A load maps the zeros of a never written block; a store through that mapping asks the filesystem after all.',
    steps: [a.create(size), a.inject(bad), a.load(bad), a.store(bad + 8), a.load(bad, 24), a.badBlocks(), a.pread(bad)],
  },
  {
    name: 'unlink-leaves-the-list',
    title: 'Deleting a poisoned file leaves its bad block on the list, in free space.',
    steps: [...b.written(page(1)), ...poisoned, b.badBlocks(), a.close(), a.unlink(), b.badBlocks()],
  },
];
