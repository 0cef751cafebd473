/**
 * Who may write to a file at the same time. Every writer holds one byte of a range far past any file; an exclusive
 * writer holds all of them. The locks (OFD locks, fcntl(2)) end with the open file, also when its process dies.
 */
import type { DriverFile } from './driver.js';
import { Errno } from './errno.js';
import { PmemError } from './errors.js';
import { REPAIR_LOCK_POSITION } from './repair/journal/journal.js';
import { systemError } from './system-error.js';

const WRITERS_MAX = 256;
const POSITION = REPAIR_LOCK_POSITION - WRITERS_MAX;

/** Throws ERR_PMEM_LOCKED, or for an exclusive writer ERR_PMEM_NOT_SUPPORTED if the filesystem has no locks. */
export function lockWriter(file: DriverFile, exclusive: boolean): void {
  const { path, readOnly } = file.facts;
  if (readOnly) return;
  if (exclusive) {
    const failure = file.lock(POSITION, WRITERS_MAX);
    if (failure === undefined) return;
    if (failure.errno === Errno.EAGAIN) throw new PmemError('ERR_PMEM_LOCKED', 'another writer has the file open', { path });
    throw systemError('cannot open exclusively: the filesystem has no locks', failure, { path });
  }
  for (let writer = 0; writer < WRITERS_MAX; writer++) {
    const failure = file.lock(POSITION + writer, 1);
    // Without locks nothing can be told, and nothing was asked for.
    if (failure?.errno !== Errno.EAGAIN) return;
  }
  throw new PmemError('ERR_PMEM_LOCKED', 'another writer has the file open exclusively', { path });
}
