/**
 * Looks once more at units of which a write was refused. A reset before that write has made its page writable for every
 * process: bytes that others have stored there since can be read, so it is not reset and written once more.
 */
import { totalLength } from '../ranges/byte-range.js';
import type { CompleteFile } from '../driver/driver.js';
import { readEachOn } from '../rescue/read-on.js';
import type { RepairUnit } from './repair-unit.js';

/**
 * Reads the units once more. A write that the kernel refused may have taken the block off its list and kept the page
 * held back, which decides what may be tried next.
 */
export async function askAgain(file: CompleteFile, units: readonly RepairUnit[]): Promise<void> {
  const pieces = units.map(({ data }) => data);
  const bytes = new Uint8Array(totalLength(pieces));
  const reads = await readEachOn(file, pieces, bytes);
  let at = 0;
  for (const [i, unit] of units.entries()) {
    const { errno, transferredBytes } = reads[i] ?? { errno: unit.readErrno, transferredBytes: 0 };
    unit.readAgain(errno, file.facts);
    const found = bytes.subarray(at, at + transferredBytes);
    at += unit.data.length;
    if (unit.isZeroed && hasOthers(found, unit.content)) unit.foundOthers();
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
