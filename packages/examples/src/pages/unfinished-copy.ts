/** Tells whether a file is a copy of the log that was begun and cut off: what it holds, the log has. Reads only. */
import type { PmemFile } from '@safe-pmem/core';
import { PAGE_BYTES } from './format.js';
import { isBlank, readFrom } from './page-files.js';

/** Power that fails in a store to a page leaves whole words of it. */
const WORD_BYTES = 8;
/** Of a header page of the log: its magic word, and what names the log. Commit points follow. */
const HEADER_LINE_BYTES = 64;

/**
 * True if every word of the file is zero or as in the log, so that nothing is lost when the log is copied over it. The
 * commit points of a header do not count, if that is this log's: the copy gets one of its own.
 */
export function isUnfinishedCopy(file: PmemFile, log: PmemFile): boolean {
  const lastSlot = Math.floor(file.size / PAGE_BYTES) - 1;
  return isBlank(file, (page, slot) => {
    const compared = slot === 0 || slot === lastSlot ? page.subarray(0, HEADER_LINE_BYTES) : page;
    const wanted = pageOf(log, slot);
    return wanted !== undefined && !isZero(compared) && hasOnlyWordsOf(compared, wanted);
  });
}

/** Undefined if the page cannot be read, or the file is shorter. */
function pageOf(file: PmemFile, slot: number): Uint8Array | undefined {
  if ((slot + 1) * PAGE_BYTES > file.size) return undefined;
  return readFrom({ role: 'pages', file }, slot, (page) => page).page;
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

function hasOnlyWordsOf(bytes: Uint8Array, wanted: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += WORD_BYTES) {
    const word = bytes.subarray(at, at + WORD_BYTES);
    if (!isZero(word) && Buffer.compare(word, wanted.subarray(at, at + WORD_BYTES)) !== 0) return false;
  }
  return true;
}
