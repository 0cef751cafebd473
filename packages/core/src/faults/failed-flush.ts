/** Remembers what a failed msync, fdatasync or fsync of the file may have dropped. */
import type { CompleteFile, SystemFailure } from '../driver/driver.js';
import { Errno } from '../errors/errno.js';
import { systemError } from '../errors/system-error.js';
import type { UnsafeRanges } from './unsafe-ranges.js';

/**
 * Puts every byte of the file in doubt, until it is written again. Linux tells an open file once that a page could not
 * be written, by whichever flush comes next, of whatever range, and calls the page clean: the flush of the page itself
 * would succeed. With MAP_SYNC no system call makes stores durable, and none can fail.
 */
export function noteFailedFlush(file: CompleteFile, unsafe: UnsafeRanges, failure: SystemFailure): void {
  if (failure.errno === Errno.EBADF || file.facts.persistMethod !== 'msync' || file.mappedBytes === 0) return;
  unsafe.addUnpersisted([{ offset: 0, length: file.mappedBytes }]);
}

/** Flushes the file. Throws `cannot DOING` and what the flush says; every byte of the file is in doubt then. */
export async function flushWhole(file: CompleteFile, unsafe: UnsafeRanges, doing: string): Promise<void> {
  const failure = await file.sync();
  if (failure === undefined) return;
  noteFailedFlush(file, unsafe, failure);
  throw systemError(`cannot ${doing}`, failure, { path: file.facts.path });
}
