/** What other processes meet: calls whose buffer is a mapping of the poisoned file, and calls that look for its holes. */
import { FileSteps, page } from './file-steps.js';
import type { Scenario } from './step.js';

const a = new FileSteps('a', 1);
const pages = 16;
const size = page(pages);
const bad = page(5);
const poisoned = [...a.written(size), a.inject(bad + 1536)];

export const callScenarios: readonly Scenario[] = [
  {
    name: 'call-populate',
    title: 'Populating a mapping tells of the bad page without a signal, if it is asked for by madvise or mlock; MAP_POPULATE says nothing.',
    steps: [
      ...poisoned, a.call('mapPopulate', 0, size), a.call('mlock', 0, size), a.call('mlock', 0, bad), a.call('populateRead', 0, size),
      a.call('populateRead', bad), a.call('populateRead', page(6), page(10)), a.call('populateWrite', 0, size), a.call('populateWrite', page(4)), a.badBlocks(),
    ],
  },
  {
    name: 'call-with-poisoned-buffer',
    title: 'A system call whose buffer is the mapping stops at the bad page: with what came before it, or with an error where nothing did.',
    steps: [
      ...poisoned, a.call('writeToPipe', 0, size), a.call('writeToPipe', bad), a.call('writeToPipe', page(6), page(4)), a.call('readFromPipe', page(3), page(4)),
      a.call('readFromPipe', bad), a.pread(page(3), page(2)), a.pread(page(6)), a.badBlocks(),
    ],
  },
  {
    name: 'call-vm-read',
    title: 'process_vm_readv and /proc/self/mem give the bytes before the bad page, and an error at it.',
    steps: [...poisoned, a.call('vmRead', 0, size), a.call('vmRead', bad), a.call('vmRead', page(6), page(10)), a.call('memRead', 0, size), a.call('memRead', bad), a.call('memRead', page(6), page(10))],
  },
  {
    name: 'call-nowait',
    title: 'A read with RWF_NOWAIT meets the bad page as any other read does.',
    steps: [...poisoned, a.call('preadNowait', 0, size), a.call('preadNowait', bad), a.call('preadNowait', page(4)), a.call('preadNowait', 0, bad)],
  },
  {
    name: 'call-direct',
    title: 'O_DIRECT makes no difference: the bad page cannot be read, not even its good sectors.',
    steps: [...poisoned, a.call('preadDirect', bad), a.call('preadDirect', bad, 512), a.call('preadDirect', page(4)), a.call('preadDirect', page(4), page(2))],
  },
  {
    name: 'call-pwritev',
    title: 'A pwritev whose buffers together are the whole bad page repairs it, as one buffer would; two that are a part of it do not.',
    steps: [
      ...poisoned, a.call('pwritev', bad, 2048), a.badBlocks(), a.call('pwritev', bad), a.badBlocks(), a.block(bad), a.pread(bad), a.load(bad),
    ],
  },
  {
    name: 'call-seek',
    title: 'SEEK_DATA and SEEK_HOLE know nothing of poison: the bad page is data.',
    steps: [
      a.create(size, false), a.pwrite(0, page(8), 1), a.pwrite(page(12), page(4), 2), a.inject(bad), a.call('seekData', bad), a.call('seekHole', bad), a.call('seekHole', 0),
      a.call('seekData', page(8)), a.call('seekHole', page(12)), a.call('populateRead', page(8)), a.call('seekData', page(8)),
    ],
  },
];
