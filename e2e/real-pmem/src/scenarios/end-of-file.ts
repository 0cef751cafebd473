/** Poison in the page that the file ends in, changes of size, and full filesystems. */
import { FileSteps, page, pageBytes } from './file-steps.js';
import type { Scenario } from './step.js';

const a = new FileSteps('a', 1);
const b = new FileSteps('b', 101);
const size = page(16);
const bad = page(5);
const tail = 100;
const odd = bad + tail;
/** File a ends 100 bytes into page 5, and that page is bad. */
const badTail = [...a.written(odd), a.inject(bad)];
const look = [a.badBlocks(), a.block(bad), a.size(), a.pread(bad, tail)];

export const endOfFileScenarios: readonly Scenario[] = [
  {
    name: 'tail-read',
    title: 'The last bytes of a file whose last page is bad.',
    steps: [...badTail, a.extents(), a.pread(bad, tail), a.pread(0, odd), a.pread(0, bad), a.load(bad), a.load(odd - 8), a.store(bad), a.probe(bad, tail), a.badBlocks()],
  },
  {
    name: 'tail-write-exact',
    title: 'A write of exactly the tail is not a whole page.',
    steps: [...badTail, a.pwrite(bad, tail), a.pwrite(page(4), pageBytes + tail), ...look],
  },
  {
    name: 'tail-append-in-page',
    title: 'Appending inside the bad last page.',
    steps: [...badTail, a.foreignWrite(odd, 100), ...look],
  },
  {
    name: 'tail-append-next-page',
    title: 'Appending at the page after the bad last one.',
    steps: [...badTail, a.foreignWrite(page(6), pageBytes), ...look, a.extents()],
  },
  {
    name: 'tail-grow',
    title: 'Growing the file by truncate has to zero the rest of the bad page.',
    steps: [...badTail, a.truncate(size), ...look, a.truncate(odd), a.size()],
  },
  {
    name: 'tail-grow-within-page',
    title: 'Growing the file inside its bad last page.',
    steps: [...badTail, a.truncate(bad + 200), ...look],
  },
  {
    name: 'tail-resize',
    title: 'resize() with allocation, from a bad last page.',
    steps: [...badTail, a.resize(size), ...look, a.extents()],
  },
  {
    name: 'tail-resize-beyond-allocated-blocks',
    title: 'resize() from a bad last page with blocks past the end of the file, and then once more.',
    steps: [
      ...badTail, a.allocate(page(8), page(2)), a.extents(), a.resize(size), ...look, a.extents(), a.resize(size),
      a.size(), a.extents(),
    ],
  },
  {
    name: 'tail-shrink-within-page',
    title: 'Shrinking the file inside its bad last page.',
    steps: [...badTail, a.truncate(bad + 50), ...look],
  },
  {
    name: 'tail-shrink-away',
    title: 'Shrinking the file to just before its bad last page.',
    steps: [...badTail, a.truncate(bad), a.badBlocks(), a.size(), a.extents(), a.pread(page(4))],
  },
  {
    name: 'tail-zero-range-page',
    title: 'Zero-range of the whole last page keeps the size; then the tail is written.',
    steps: [...badTail, a.zeroRange(bad), ...look, a.pwrite(bad, tail), ...look, a.load(bad)],
  },
  {
    name: 'tail-zero-range-exact',
    title: 'Zero-range of exactly the tail.',
    steps: [...badTail, a.zeroRange(bad, tail), ...look],
  },
  {
    name: 'tail-write-page-then-truncate',
    title: 'A whole-page write grows the file for a moment; truncate takes that back.',
    steps: [...badTail, a.pwrite(bad), ...look, a.truncate(odd), ...look, a.truncate(bad + 200), a.pread(bad, 200), a.load(bad)],
  },
  {
    name: 'truncate-into-bad-page',
    title: 'Truncating into a bad page in the middle of the file.',
    steps: [...a.written(size), a.inject(bad), a.truncate(odd), ...look, a.pread(page(4)), a.extents(), a.truncate(size), a.size(), a.pread(page(6))],
  },
  {
    name: 'truncate-into-bad-page-again',
    title: 'Truncating into a bad page, and then to that size once more.',
    steps: [
      ...a.written(size), a.inject(bad), a.truncate(odd), a.extents(), a.truncate(odd), a.extents(), ...look,
      a.truncate(bad), a.extents(),
    ],
  },
  {
    name: 'resize-into-bad-page',
    title: 'resize() into a bad page in the middle of the file.',
    steps: [...a.written(size), a.inject(bad), a.resize(odd, false), ...look, a.pread(page(4))],
  },
  {
    name: 'truncate-over-bad-page',
    title: 'Truncating at the page boundaries around a bad page.',
    steps: [...a.written(size), a.inject(bad), a.truncate(page(6)), a.badBlocks(), a.pread(bad), a.truncate(page(5)), a.badBlocks(), a.size(), a.truncate(size), a.pread(bad), a.extents()],
  },
  {
    name: 'load-beyond-truncated-end',
    title: 'A load beyond the end of a file that was cut under its mapping: the same signal as poison on older kernels.',
    steps: [...a.written(size), a.load(page(8)), a.truncate(page(4)), a.load(page(8)), a.store(page(8)), a.load(page(3)), a.load(page(4)), a.probe(page(8)), a.truncate(size), a.load(page(8))],
  },
  {
    name: 'load-beyond-odd-end',
    title: 'The rest of the page that the file ends in can be loaded, and is zeros.',
    steps: [...a.written(page(4)), a.truncate(page(1) + 100), a.load(page(1) + 96, 16), a.store(page(1) + 200), a.load(page(2)), a.size()],
  },
  ...([
    ['truncate', [a.truncate(page(4))]],
    ['resize', [a.resize(page(4), false)]],
    ['allocating-resize', [a.resize(page(4))]],
    ['append', [a.foreignWrite(page(3), pageBytes)]],
    ['append-in-page', [a.foreignWrite(page(1) + 1000, pageBytes)]],
  ] as const).map(([how, grow]): Scenario => ({
    name: `grow-over-odd-end-by-${how}`,
    title: `What a mapping has stored beyond the end of the file, in its last page, once the file grows by ${how}.`,
    steps: [...a.written(page(2)), a.truncate(page(1) + 100), a.store(page(1), pageBytes), a.pread(page(1)), ...grow, a.size(), a.pread(page(1)), a.load(page(1) + 96, 16)],
  })),
  {
    name: 'store-into-hole-without-space',
    title: 'A store into a hole on a full filesystem: the same signal again.',
    steps: [a.create(size, false), a.load(bad), { do: 'exhaust' }, a.store(bad), a.load(bad), a.pwrite(bad), a.probe(bad), a.extents()],
  },
  {
    name: 'store-into-hole',
    title: 'A store into a hole allocates a block.',
    steps: [a.create(size, false), a.extents(), a.probe(bad), a.store(bad), a.extents(), a.probe(bad), a.load(bad, 16), a.pread(bad)],
  },
  {
    name: 'create-without-space',
    title: 'Creating a preallocated file on a full filesystem.',
    steps: [{ do: 'exhaust' }, b.create(size)],
  },
  {
    name: 'grow-without-space',
    title: 'Growing a file by resize() on a full filesystem.',
    steps: [...a.written(page(4)), { do: 'exhaust' }, a.resize(size), a.pread(0), a.resize(size, false), a.extents(), a.store(page(8))],
  },
];
