/**
 * The last page of a file, if its repair failed after a write and others have appended to it meanwhile. Its intent
 * names the end that the file had: the next open() would take what was appended for what the write of the whole page
 * has added, and cut it off.
 */
import type { CompleteFile } from '../driver/driver.js';
import { isMediaErrno } from '../faults/classify.js';
import { rangeBetween, rangeEnd } from '../ranges/byte-range.js';
import { readOn } from '../rescue/read-on.js';
import type { Intent } from './journal/content.js';
import type { RepairUnit } from './repair-unit.js';

export interface AppendedTail {
  readonly unit: RepairUnit;
  /**
   * Of all that the page has now. Undefined if the page is bad again: it was written and flushed before, and with what
   * was appended it lost whatever others may have stored. It has nothing that the repair could finish.
   */
  readonly intent: Intent | undefined;
}

/** `fileSizeBytes`: the end for which the units were written. Undefined too if the filesystem does not answer. */
export async function appendedTail(
  file: CompleteFile, units: readonly RepairUnit[], fileSizeBytes: number,
): Promise<AppendedTail | undefined> {
  const unit = units.find(({ isTail, state, isLengthened }) => isTail && state === 'half-done' && !isLengthened);
  if (unit === undefined) return undefined;
  const size = await file.fileSize();
  if ('failure' in size || size.sizeBytes <= fileSizeBytes) return undefined;
  const { offset } = unit.unit;
  const page = rangeBetween(offset, Math.min(rangeEnd(unit.unit), size.sizeBytes));
  const content = new Uint8Array(page.length);
  const { errno, transferredBytes } = await readOn(file, content, offset);
  if (isMediaErrno(errno, file.facts)) return { unit, intent: undefined };
  if (errno !== 0 || transferredBytes < page.length) return undefined;
  content.set(unit.content, 0);
  return { unit, intent: { ...page, content, fileSizeBytes: size.sizeBytes } };
}
