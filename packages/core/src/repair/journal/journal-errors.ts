/** The errors of a journal that cannot be locked or replaced. */
import type { SystemFailure } from '../../driver/driver.js';
import { Errno } from '../../errors/errno.js';
import { PmemError } from '../../errors/errors.js';
import { systemError } from '../../errors/system-error.js';
import { JOURNAL_LIMIT_BYTES } from './format.js';

const MIB = 1024 * 1024;

/** The failure of an update that would make the journal longer than JOURNAL_LIMIT_BYTES. */
export const TOO_LARGE: SystemFailure = { errno: Errno.EFBIG, syscall: 'write' };

export function lockError(what: string, failure: SystemFailure, path: string): PmemError {
  const reason =
    failure.errno === Errno.EAGAIN ? 'a repair of this file is running elsewhere'
    : failure.errno === Errno.ENOLCK ? 'the filesystem has no locks, so repairs cannot exclude each other'
    : 'the repair lock cannot be taken';
  return systemError(`${what}: ${reason}`, failure, { path });
}

/** ERR_PMEM_JOURNAL for a journal that could not be replaced. */
export function journalError(
  { path, isCopied }: { readonly path: string; readonly isCopied: boolean }, failure: SystemFailure,
): PmemError {
  const cause = systemError('cannot write the repair journal', failure, { path });
  if (isCopied) {
    const message = "the repair journal came with a copy of its file: journal: 'adopt' makes it this file's own";
    return new PmemError('ERR_PMEM_JOURNAL', message, { path });
  }
  if (failure === TOO_LARGE) {
    const message =
      `the repair journal would have more than ${JOURNAL_LIMIT_BYTES / MIB} MiB, and stays as it was: it names each ` +
      'run of lost bytes, so write or repair whole pages of them';
    return new PmemError('ERR_PMEM_JOURNAL', message, { path, cause });
  }
  return new PmemError('ERR_PMEM_JOURNAL', 'the repair journal cannot be written', { path, cause });
}
