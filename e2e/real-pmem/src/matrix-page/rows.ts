/** What the page shows: for each row the steps of a scenario that answer its question. */
import type { Step } from '../scenarios/step.js';

/** The n-th step of that kind in the scenario, counted from 1, optionally of one file. */
export interface Answer {
  readonly verb: Step['do'];
  readonly nth?: number;
  readonly file?: string;
}

export interface Row {
  /** Markdown. */
  readonly question: string;
  readonly scenario: string;
  readonly answers: readonly Answer[];
}

export interface Section {
  readonly heading: string;
  readonly text: string;
  readonly rows: readonly Row[];
  /** What follows the table. */
  readonly after?: string;
}

const row = (question: string, scenario: string, ...answers: readonly Answer[]): Row => ({ question, scenario, answers });
const at = (verb: Step['do'], nth = 1, file?: string): Answer => (file === undefined ? { verb, nth } : { verb, nth, file });

export const sections: readonly Section[] = [
  {
    heading: 'Reading and storing',
    text: 'Page 5 of a written file of 16 pages has one bad sector, in its middle unless the row says otherwise.',
    rows: [
      row('pread of the whole file, one extent', 'read-one-extent', at('pread', 1)),
      row('pread of the five pages before the bad one', 'read-one-extent', at('pread', 3)),
      row('pread of 512 good bytes of the bad page', 'read-bad-sector-grain', at('pread', 1)),
      row('pread over two extents, the bad page in the second', 'read-fragmented-file', at('pread', 1)),
      row('load from the bad page', 'load', at('load', 2)),
      row('load from the page before it', 'load', at('load', 1)),
      row('store to the bad page, 8 bytes; all 4096', 'store', at('store', 1), at('store', 2)),
      row('load through a page that was mapped before the error was known', 'load-through-old-mapping', at('load', 2)),
      row('store through it', 'load-through-old-mapping', at('store', 1)),
      row('load, once it is mapped again', 'load-through-old-mapping', at('load', 4)),
      row('load through it after ftruncate of the file to a larger size', 'truncate-ends-old-mappings', at('load', 3)),
      row('load through it after a zero-range elsewhere in the file', 'fallocate-ends-old-mappings', at('load', 5)),
      row('fdatasync of the file', 'persist-and-sync', at('sync', 1)),
      row('pread of a bad block that was allocated and never written', 'poison-under-unwritten-blocks', at('pread', 2)),
      row('first store to such a block; the list then', 'store-to-unwritten-poison', at('store', 1), at('badBlocks', 1)),
      row('load past the end of a file that was cut under its mapping', 'load-beyond-truncated-end', at('load', 2)),
      row('store into a hole on a full filesystem', 'store-into-hole-without-space', at('store', 1)),
    ],
  },
  {
    heading: 'pwrite',
    text: 'Since Linux 5.19 a pwrite of whole pages clears what is bad in them, on a device that can. A number of bytes is a short write.',
    rows: [
      row('the bad page, whole and aligned', 'write-whole-page', at('pwrite', 1), at('badBlocks', 1), at('block', 1)),
      row('eight whole pages with the bad one among them', 'write-many-pages', at('pwrite', 1), at('badBlocks', 1)),
      row('100 bytes inside the bad page', 'write-part-of-page', at('pwrite', 1)),
      row('two good pages and 100 bytes of the bad one, bad at its start', 'write-unaligned-into-page-bad-at-start', at('pwrite', 1)),
      row('the same, bad in its middle', 'write-unaligned-into-page-bad-in-middle', at('pwrite', 1)),
      row('an unaligned span that covers the bad page, bad at its start', 'write-unaligned-over-page-bad-at-start', at('pwrite', 1), at('badBlocks', 1)),
      row('the same, bad in its middle', 'write-unaligned-over-page-bad-in-middle', at('pwrite', 1), at('badBlocks', 1)),
      row('over two extents, the bad page in the second', 'write-fragmented-file', at('pwrite', 1)),
    ],
  },
  {
    heading: 'Repair strategies',
    text: 'Each strategy, and what it leaves behind: the state of the kernel\'s list, and whether the file still has the block.',
    rows: [
      row('zero-range of the page: call, list, block, read', 'zero-range-page', at('zeroRange'), at('badBlocks'), at('block'), at('pread')),
      row('zero-range, then a write of the page: write, list, block, read', 'zero-range-then-write-page', at('pwrite'), at('badBlocks'), at('block'), at('pread')),
      row('zero-range, then a write of 100 bytes: write, list', 'zero-range-then-write-part', at('pwrite'), at('badBlocks')),
      row('zero-range, then a store: store, list', 'zero-range-then-store', at('store'), at('badBlocks')),
      row('zero-range of a part of the page', 'zero-range-part-of-page', at('zeroRange')),
      row('zero-range that ends inside the bad page: call, read of the good page before', 'zero-range-into-page', at('zeroRange'), at('pread', 2)),
      row('recovery write of the page: write, list, block, read', 'write-whole-page', at('pwrite'), at('badBlocks'), at('block'), at('pread')),
      row('punch, then a write of the page: write, list, block', 'punch-then-write', at('pwrite'), at('badBlocks', 2), at('block', 2)),
      row('punch, allocate, write (PMDK): write, list, block', 'punch-then-allocate-then-write', at('pwrite'), at('badBlocks', 2), at('block', 2)),
      row('zero-range on a full filesystem, then a write: zero-range, write, list', 'zero-range-on-full-filesystem', at('zeroRange'), at('pwrite'), at('badBlocks', 2)),
      row('recovery write on a full filesystem: write, list', 'write-on-full-filesystem', at('pwrite'), at('badBlocks')),
    ],
  },
  {
    heading: 'Other processes',
    text: 'Calls of a process that has mapped the file again, with the mapping as their buffer or their subject; and calls that go past it.',
    rows: [
      row('mmap with MAP_POPULATE', 'call-populate', at('call', 1)),
      row('mlock of the whole file; of the pages before the bad one', 'call-populate', at('call', 2), at('call', 3)),
      row('madvise MADV_POPULATE_READ; of the pages after', 'call-populate', at('call', 4), at('call', 6)),
      row('madvise MADV_POPULATE_WRITE', 'call-populate', at('call', 7)),
      row('write to a pipe from the whole mapping; from the bad page', 'call-with-poisoned-buffer', at('call', 1), at('call', 2)),
      row('read from a pipe into the two pages before it and on; into the bad page', 'call-with-poisoned-buffer', at('call', 4), at('call', 5)),
      row('process_vm_readv of all; of the bad page', 'call-vm-read', at('call', 1), at('call', 2)),
      row('read of /proc/self/mem, all; the bad page', 'call-vm-read', at('call', 4), at('call', 5)),
      row('preadv2 with RWF_NOWAIT, all; the pages before', 'call-nowait', at('call', 1), at('call', 4)),
      row('O_DIRECT read of the bad page; of 512 good bytes of it', 'call-direct', at('call', 1), at('call', 2)),
      row('pwritev of half the bad page; of all of it, in two buffers: write, list', 'call-pwritev', at('call', 1), at('call', 2), at('badBlocks', 2)),
      row('SEEK_DATA at the bad page', 'call-seek', at('call', 1)),
    ],
  },
  {
    heading: 'Who inherits the bad block',
    text: 'The file in front of the bad block grows by a page after the block\'s owner let go of it, or did not.',
    rows: [
      row('owner punched; the neighbour appends: write, list, fdatasync', 'punch-then-neighbour-appends', at('foreignWrite'), at('badBlocks'), at('sync', 2)),
      row('read of another file after that', 'punch-then-neighbour-appends', at('pread', 2, 'a')),
      row('owner punched; the neighbour allocates, then writes: list, write', 'punch-then-neighbour-grows', at('badBlocks', 1), at('pwrite', 1)),
      row('owner did zero-range and a write; the neighbour allocates, then writes: list, write', 'zero-range-then-neighbour-grows', at('badBlocks', 2), at('pwrite', 2)),
      row('owner did a recovery write; the neighbour allocates, then writes: list, write', 'recovery-write-then-neighbour-grows', at('badBlocks', 2), at('pwrite', 2)),
    ],
  },
  {
    heading: 'End of file and size',
    text: 'The file ends 100 bytes into its bad last page; in the last two rows it has 16 pages.',
    rows: [
      row('pread of the tail', 'tail-read', at('pread', 1)),
      row('pwrite of exactly the tail', 'tail-write-exact', at('pwrite', 1)),
      row('append inside the page', 'tail-append-in-page', at('foreignWrite', 1)),
      row('append at the next page', 'tail-append-next-page', at('foreignWrite', 1)),
      row('ftruncate to a larger size', 'tail-grow', at('truncate', 1)),
      row('fallocate to a larger size', 'tail-resize', at('resize', 1)),
      row('zero-range of the page, then a write of the tail: zero-range, write, list', 'tail-zero-range-page', at('zeroRange'), at('pwrite'), at('badBlocks', 2)),
      row('zero-range of exactly the tail', 'tail-zero-range-exact', at('zeroRange')),
      row('write of the whole page, then ftruncate back: write, ftruncate, list', 'tail-write-page-then-truncate', at('pwrite'), at('truncate'), at('badBlocks', 2)),
      row('ftruncate into the bad page', 'truncate-into-bad-page', at('truncate', 1)),
      row('ftruncate to the page before it', 'truncate-over-bad-page', at('truncate', 2)),
    ],
  },
  {
    heading: 'Shared blocks',
    text: 'File b is a clone of file a; then a block of both goes bad. ext4 has no clones, and goes on with a alone.',
    rows: [
      row('clone (FICLONE) of a poisoned file; read of the clone', 'reflink-shares-poison', at('reflink'), at('pread', 1, 'b')),
      row('copy_file_range of a poisoned file; read of the copy', 'copy-range-of-poison', at('copyRange'), at('pread', 1, 'b')),
      row('recovery write of the page by a; by b', 'reflinked-write', at('pwrite', 1, 'a'), at('pwrite', 1, 'b')),
      row('load by a; store by a', 'reflinked-store', at('load', 1, 'a'), at('store', 1, 'a')),
      row('UNSHARE_RANGE by a', 'reflinked-unshare', at('unshare', 1)),
      row('zero-range by a; write by a; write by b', 'reflinked-zero-range', at('zeroRange'), at('pwrite', 1, 'a'), at('pwrite', 1, 'b')),
      row(
        'a bad page that is not shared, in reach of one that was copied (see below): write, list, block',
        'set-aside-write', at('pwrite', 3), at('badBlocks'), at('block', 2),
      ),
      row(
        'the same: zero-range, list, block; then write, block',
        'set-aside-zero-range', at('zeroRange'), at('badBlocks', 1), at('block', 2), at('pwrite', 3), at('block', 3),
      ),
    ],
    after: [
      'XFS makes room for copies of the 32 pages around one that a write has to copy (the hint `cowextsize`),',
      'and keeps what it did not need, for half an hour or until the inode leaves memory. Until then a write of any',
      'of these pages is a copy, shared or not, and a copy of a bad page is refused.',
    ].join(' '),
  },
  {
    heading: 'Pages of 2 MiB',
    text: [
      'The file has 2 MiB in one piece, and lies on the device as in itself. What one touch has mapped goes on',
      'working: so a page that goes bad later and can still be loaded was mapped along with the one that was touched.',
    ].join(' '),
    rows: [
      row(
        'page 0 loaded, page 5 goes bad: load of page 5; of page 5 mapped again',
        'huge-load', at('load', 2), at('load', 4),
      ),
      row('the same mapped page by page (MADV_NOHUGEPAGE)', 'huge-load-page-by-page', at('load', 2)),
      row('the same, then a store to page 9; load of page 5', 'huge-load-then-store', at('store', 1), at('load', 4)),
      row(
        'bad before anything is mapped: load of page 4; of page 9, which goes bad after that',
        'huge-bad-first', at('load', 1), at('load', 2),
      ),
      row(
        'recovery write of page 5: write, list, block; load through the old mapping',
        'huge-recovery-write', at('pwrite', 1), at('badBlocks', 1), at('block'), at('load', 3),
      ),
      row(
        'zero-range of page 5: call, list, block; write, list',
        'huge-zero-range', at('zeroRange'), at('badBlocks', 1), at('block'), at('pwrite'), at('badBlocks', 2),
      ),
      row('never written, page 5 bad: store to page 3; list', 'huge-unwritten-poison', at('store', 1), at('badBlocks')),
    ],
  },
];
