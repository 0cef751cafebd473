/**
 * Finds the length of the ring: as the header copies say, because a file may have been cut off or lengthened after the
 * log was made.
 */
import { PAGE_BYTES } from '../format/format.js';
import { decodeHeaderPage } from '../format/header-page.js';
import type { LogFile } from '../log-files.js';
import { readPage } from '../log-files.js';
import { Ring } from '../format/ring.js';
import { WalError } from '../wal-error.js';

/**
 * The ring of the log in these files. What follows it in a longer file is no part of the log, and is left alone; a
 * shorter one lacks pages, which its mirror has. Without a header that can be read, the files are as long as the log.
 *
 * Throws ERR_WAL_SIZE if no file is as long as the log, if files without a log have different lengths, or are too
 * short.
 */
export function ringOf(logFiles: readonly LogFile[]): Ring {
  const [first, second] = logFiles as [LogFile, LogFile?];
  const longest = Math.max(...logFiles.map(pagesOf));
  const named = logFiles.flatMap((logFile) => namedPages(logFile).map((pageCount) => ({ logFile, pageCount })))[0];
  if (named !== undefined) {
    if (named.pageCount <= longest) return newRing(named.logFile, named.pageCount);
    const { path, size } = named.logFile.file;
    const logBytes = named.pageCount * PAGE_BYTES;
    const what = `the log was made for ${logBytes} bytes, the file has ${size}: resize() it to that`;
    throw new WalError('ERR_WAL_SIZE', path, what);
  }
  if (second !== undefined && second.file.size !== first.file.size) {
    const what = `the mirror has ${second.file.size} bytes, the log ${first.file.size}: make them equally long`;
    throw new WalError('ERR_WAL_SIZE', second.file.path, what);
  }
  return newRing(first, longest);
}

/** True if the file ends before the log does. */
export function isShort({ file }: LogFile, ring: Ring): boolean {
  return file.size < ring.pageCount * PAGE_BYTES;
}

/**
 * Lengthens the files that end before the log does: every byte that they have stays. Their new pages hold zeros, which
 * a repair replaces by what the mirror has. Returns whether there were any. Throws ERR_PMEM_NO_SPACE, with the file as
 * it was.
 */
export async function lengthenShort(logFiles: readonly LogFile[], ring: Ring): Promise<boolean> {
  const short = logFiles.filter((logFile) => isShort(logFile, ring));
  for (const { file } of short) await file.resize(ring.pageCount * PAGE_BYTES, { preallocate: true });
  return short.length > 0;
}

function newRing({ file }: LogFile, pageCount: number): Ring {
  try {
    return new Ring(pageCount);
  } catch (cause) {
    throw new WalError('ERR_WAL_SIZE', file.path, `a file of ${file.size} bytes is too small for a log`, cause);
  }
}

function pagesOf({ file }: LogFile): number {
  return Math.floor(file.size / PAGE_BYTES);
}

/**
 * Page counts that the header copies of one file name: the first page, and the last one of a file as long as its log.
 */
function namedPages(logFile: LogFile): number[] {
  const lastPosition = (pagesOf(logFile) - 1) * PAGE_BYTES;
  return [0, lastPosition].filter((position) => position >= 0).flatMap((position) => {
    const bytes = new Uint8Array(PAGE_BYTES);
    const state = readPage(logFile, position, bytes).damage === undefined ? decodeHeaderPage(bytes) : undefined;
    return state?.status === 'valid' ? [state.header.pageCount] : [];
  });
}
