/** Sets or (if it is empty) removes the mark of a file, which tells which journal is its own. */
import type { CompleteFile, SystemFailure } from '../../driver/driver.js';
import { noteFailedFlush } from '../../faults/failed-flush.js';
import type { UnsafeRanges } from '../../faults/unsafe-ranges.js';

export async function writeMark(
  file: CompleteFile, unsafe: UnsafeRanges, mark: Uint8Array,
): Promise<SystemFailure | undefined> {
  return noted(file, unsafe, await file.writeMark(mark));
}

/** writeMark() on this thread. */
export function writeMarkSync(file: CompleteFile, unsafe: UnsafeRanges, mark: Uint8Array): SystemFailure | undefined {
  return noted(file, unsafe, file.writeMarkSync(mark));
}

/** The mark is durable after an fsync of the file, which speaks of all that was stored in it. */
function noted(
  file: CompleteFile, unsafe: UnsafeRanges, failure: SystemFailure | undefined,
): SystemFailure | undefined {
  if (failure?.syscall === 'fsync') noteFailedFlush(file, unsafe, failure);
  return failure;
}
