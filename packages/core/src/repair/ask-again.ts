/**
 * Looks once more at units of which a write was refused. A reset before that write has made its page writable for every
 * process: bytes that others have stored there since can be read, so it is not reset and written once more.
 */
import { totalLength } from '../ranges/byte-range.js';
import type { CompleteFile } from '../driver/driver.js';
import { isMediaErrno } from '../faults/classify.js';
import { readEachOn } from '../rescue/read-on.js';
import type { RepairUnit } from './repair-unit.js';
import { pagesOf } from './salvage-unit.js';
import { weightierErrno } from './strategy.js';

/**
 * Reads the units once more, page by page. A write that the kernel refused may have taken the block off its list and
 * kept the page held back, which decides what may be tried next.
 */
export async function askAgain(file: CompleteFile, units: readonly RepairUnit[]): Promise<void> {
  const pages = units.map(({ data }) => pagesOf(data, file.facts.pageBytes));
  const pieces = pages.flat();
  const bytes = new Uint8Array(totalLength(pieces));
  const reads = await readEachOn(file, pieces, bytes);
  let at = 0;
  let next = 0;
  for (const [i, unit] of units.entries()) {
    let readErrno = 0;
    let holdsOthers = false;
    for (const { offset, length } of pages[i] ?? []) {
      const { errno, transferredBytes } = reads[next++] ?? { errno: unit.readErrno, transferredBytes: 0 };
      // An errno of the moment weighs most: what that page holds is not known.
      const isAnswered = readErrno === 0 || isMediaErrno(readErrno, file.facts);
      if (errno !== 0 && !isMediaErrno(errno, file.facts)) readErrno = errno;
      else if (isAnswered) readErrno = weightierErrno(readErrno, errno);
      const found = bytes.subarray(at, at + transferredBytes);
      at += length;
      holdsOthers ||= unit.isZeroed && hasOthers(found, unit.content.subarray(offset - unit.data.offset));
    }
    unit.readAgain(readErrno, file.facts);
    if (holdsOthers) unit.foundOthers();
  }
}

/** A page that was reset holds zeros, and what was written of its content: any other byte was stored by others. */
function hasOthers(found: Uint8Array, content: Uint8Array): boolean {
  return found.some((byte, i) => byte !== 0 && byte !== content[i]);
}

/**
 * False too if the filesystem does not say. Others may have appended to the page that the file ended in: a reset or a
 * write of all of that page would be one of their bytes.
 */
export async function endsAt(file: CompleteFile, fileSizeBytes: number): Promise<boolean> {
  const size = await file.fileSize();
  return 'sizeBytes' in size && size.sizeBytes === fileSizeBytes;
}
