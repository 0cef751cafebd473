/**
 * How long the ring is: as the header copies say, since a file may have been cut off, or lengthened, since the log was
 * made.
 */
import { PAGE_BYTES } from '../format/format.js';
import { decodeHeaderPage } from '../format/header-page.js';
import type { Member } from '../members.js';
import { readPage } from '../members.js';
import { Ring } from '../format/ring.js';
import { WalError } from '../wal-error.js';

/**
 * The ring of the log in these files. What follows it in a longer file is no part of the log, and is left alone; a
 * shorter one lacks pages, which its mirror has. Without a header that can be read, the files are as long as the log.
 *
 * Throws ERR_WAL_SIZE if no file is as long as the log, if files without a log have different lengths, or are too
 * short.
 */
export function ringOf(members: readonly Member[]): Ring {
  const [first, second] = members as [Member, Member?];
  const longest = Math.max(...members.map(pagesOf));
  const named = members.flatMap((member) => namedPages(member).map((pageCount) => ({ member, pageCount })))[0];
  if (named !== undefined) {
    if (named.pageCount <= longest) return newRing(named.member, named.pageCount);
    const what = `the log was made for ${named.pageCount * PAGE_BYTES} bytes, the file has ${named.member.file.size}`;
    throw new WalError('ERR_WAL_SIZE', named.member.file.path, what);
  }
  if (second !== undefined && second.file.size !== first.file.size) {
    const what = `the mirror has ${second.file.size} bytes, the log ${first.file.size}`;
    throw new WalError('ERR_WAL_SIZE', second.file.path, what);
  }
  return newRing(first, longest);
}

/** True if the file ends before the log does. */
export function isShort({ file }: Member, ring: Ring): boolean {
  return file.size < ring.pageCount * PAGE_BYTES;
}

/**
 * Lengthens the files that end before the log does: every byte that they have stays. Their new pages hold zeros, which
 * a repair replaces by what the mirror has. Returns whether there were any. Throws ERR_PMEM_NO_SPACE, with the file as
 * it was.
 */
export async function lengthenShort(members: readonly Member[], ring: Ring): Promise<boolean> {
  const short = members.filter((member) => isShort(member, ring));
  for (const { file } of short) await file.resize(ring.pageCount * PAGE_BYTES, { preallocate: true });
  return short.length > 0;
}

function newRing({ file }: Member, pageCount: number): Ring {
  try {
    return new Ring(pageCount);
  } catch (cause) {
    throw new WalError('ERR_WAL_SIZE', file.path, `a file of ${file.size} bytes is too small for a log`, cause);
  }
}

function pagesOf({ file }: Member): number {
  return Math.floor(file.size / PAGE_BYTES);
}

/** What the header copies of one file say: the first page, and the last one of a file that is as long as its log. */
function namedPages(member: Member): number[] {
  const lastPosition = (pagesOf(member) - 1) * PAGE_BYTES;
  return [0, lastPosition].filter((position) => position >= 0).flatMap((position) => {
    const bytes = new Uint8Array(PAGE_BYTES);
    const state = readPage(member, position, bytes).damage === undefined ? decodeHeaderPage(bytes) : undefined;
    return state?.status === 'valid' ? [state.header.pageCount] : [];
  });
}
