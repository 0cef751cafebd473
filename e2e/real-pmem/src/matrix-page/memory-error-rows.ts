/** What the page on memory errors shows: for each row the case of the machine-check job, and what of it answers the question. */

export interface ObservedRow {
  /** Markdown. */
  readonly question: string;
  readonly case: string;
  readonly observed: string;
  /** Not every machine was asked: a dash where there is no such case. */
  readonly onSome?: true;
}

export interface ObservedSection {
  readonly heading: string;
  readonly text: string;
  readonly rows: readonly ObservedRow[];
}

const row = (question: string, of: string, observed: string): ObservedRow => ({ question, case: of, observed });
const consumed = (question: string, by: string): ObservedRow => row(question, `consumed by ${by}`, 'outcome');

export const memoryErrorSections: readonly ObservedSection[] = [
  {
    heading: 'An access that consumes the error',
    text: 'A page that no list names; the machine check comes at the very instruction. What the call throws, for each way of touching mapped memory:',
    rows: [
      consumed('`read()` of three pages', 'long read'),
      consumed('`read()` of 64 bytes', 'short read'),
      consumed('`readUInt32LE()`', 'number'),
      consumed('an element of a `view()`, then `verify()`', 'view'),
      consumed('`write()` of 64 bytes', 'short store'),
      consumed('`write()` of three pages', 'long store'),
      consumed('`writeAndPersist()` of three pages', 'write and persist'),
      consumed('`persist()` (a cache-line flush)', 'persist'),
      row('`read()` in a worker thread', 'consumed in a worker thread', 'outcome'),
    ],
  },
  {
    heading: 'Afterwards',
    text: 'The same page, after `read()` has met the error.',
    rows: [
      row('what the same PmemFile can still read', 'consumed by long read', 'every page, by the process that met it'),
      row('`badBlocks()`', 'consumed by long read', 'badBlocks()'),
      row('what a process can read that opens the file now', 'consumed by long read', 'every page, by a new process'),
      row('what pread(2) gives', 'consumed by long read', 'pread of every page'),
      row('pwrite(2) of 100 bytes of the page', 'writes by the kernel afterwards', 'pwrite of part of the page'),
      row('pwrite(2) of the whole page', 'writes by the kernel afterwards', 'pwrite of the whole page'),
      row('pwrite(2) of another page', 'writes by the kernel afterwards', 'pwrite of a good page'),
    ],
  },
  {
    heading: 'Others who have mapped the page',
    text: 'The kernel tells the thread that consumed the error, once, and may name another mapping of the page than the one it touched.',
    rows: [
      row('what another process can read, that had mapped it before', 'two processes', 'every page, by the other process'),
      row('two PmemFiles of the file in one process: what the one throws that touched it', 'two PmemFiles in one process', 'outcome'),
      row('what the other can read', 'two PmemFiles in one process', 'every page, by the first'),
      row('a store and persist() of another page through the other', 'two PmemFiles in one process', 'store through the first to a good page'),
      row('a view of the page, after the file has met the error: `verify()`', 'file consumes what a view shows', 'the view, afterwards'),
    ],
  },
  {
    heading: 'An error that the hardware finds before any program does',
    text: 'A memory scrubber reports it; nothing has touched the page.',
    rows: [
      row('file not open then: `badBlocks()`', 'found in a file that is not open', 'badBlocks()'),
      row('`scrub()`', 'found in a file that is not open', 'scrub()'),
      row('`salvage()` after it', 'found in a file that is not open', 'salvage()'),
      row('what a process can read that opens the file now', 'found in a file that is not open', 'every page, by a new process'),
      row('file mapped then: `badBlocks()`', 'found in a mapped file', 'badBlocks()'),
      row('what its process can read', 'found in a mapped file', 'every page, by the process'),
      row('the same with early notice (`PR_MCE_KILL_EARLY`): the process', 'found in a mapped file, early notice', 'the process goes on'),
      row('what it can read', 'found in a mapped file, early notice', 'every page, by the process'),
    ],
  },
  {
    heading: 'Pages of 2 MiB',
    text: [
      "Opened with `hugePages: 'allow'`. By default PmemFile avoids them on DAX. Mapped by one entry of 2 MiB, the signal names",
      'all of these; the error is that of one page of 4 KiB.',
    ].join(' '),
    rows: [
      row('what `read()` throws', 'consumed in a page of 2 MiB', 'outcome'),
      row('what the same PmemFile can still read', 'consumed in a page of 2 MiB', 'every page, by the process that met it'),
      row('what pread(2) gives', 'consumed in a page of 2 MiB', 'pread of every page'),
      row('`badBlocks()`', 'consumed in a page of 2 MiB', 'badBlocks()'),
    ],
  },
  {
    heading: 'Repair',
    text: [
      'As an ordinary user, with `rebuild`. Refused or not: the process lived, the machine went on, every other byte was',
      'as before, and a refused page stayed known to be bad; but for one that was written through 2 MiB: no signal',
      'came for it, and its process went on loading it.',
    ].join(' '),
    rows: [
      row('`repair()`', 'repair', 'repair()'),
      row('… with `allowRelocation`', 'repair, relocation allowed', 'repair()'),
      row('… after root has entered the page into the list', 'repair once root has listed it', 'repair()'),
      row('… met through a mapping of 2 MiB', 'repair in a page of 2 MiB', 'repair()'),
      row('… through 2 MiB, and listed by root', 'repair in a page of 2 MiB, once root has listed it', 'repair()'),
      row(
        '… in the same 2 MiB mapped page by page (the default), and listed by root',
        'repair in 2 MiB that are mapped page by page, once root has listed it', 'repair()',
      ),
      {
        ...row(
          '… written through 2 MiB, met page by page, and listed by root (– not tried)',
          'written through 2 MiB, met page by page, once root has listed it', 'repair()',
        ),
        onSome: true,
      },
      row(
        "… through 2 MiB, listed by root, with `strategy: 'zero-range'`",
        'zero-range in a page of 2 MiB, once root has listed it', 'repair() by zero-range',
      ),
    ],
  },
  {
    heading: 'The end of the file',
    text: [
      'After `read()` of one process has met the error, another process that knows of none makes the file end inside the',
      'page. The library asks pread first. Without it the kernel zeroes the rest of a page that it has taken out of its',
      'memory map, and goes down: seen on 6.12 ext4, e820, done by an ordinary user; likewise a zero-range by name and a',
      'write after it in a page that was met through 2 MiB on 7.3 ext4, e820. Other programs can do both.',
    ].join(' '),
    rows: [
      row('`resize()` to an end in another page', 'end of the file moved into the page', 'resize() to an end in another page'),
      row('`resize()` to an end in that page', 'end of the file moved into the page', 'resize() to an end in that page'),
      row(
        '… by the process that met the error',
        'end of the file moved into the page', 'resize() of the process that met it',
      ),
    ],
  },
];
