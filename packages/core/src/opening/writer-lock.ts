/**
 * Decides who may write to a file at the same time. Every writer holds one byte of a range far past any file; an
 * exclusive writer holds all of them. A claim is one more byte, which only those ask for who cannot share the file. The
 * locks (OFD locks, fcntl(2)) end with the open file, also when its process dies.
 */
import type { CompleteFile, SystemFailure } from '../driver/driver.js';
import { Errno } from '../errors/errno.js';
import { PmemError } from '../errors/errors.js';
import { REPAIR_LOCK_POSITION } from '../repair/journal/journal.js';
import { systemError } from '../errors/system-error.js';

const WRITERS_MAX = 256;
const POSITION = REPAIR_LOCK_POSITION - WRITERS_MAX;
const CLAIM_POSITION = POSITION - 1;

/** The sole right to use a file, among all who claim it. See PmemFile.claim(). */
export interface FileClaim {
  /** Lets the next one claim the file. A second call does nothing, nor does one after close(). */
  release(): void;
}

/** Throws ERR_PMEM_LOCKED, or for an exclusive writer ERR_PMEM_NOT_SUPPORTED if the filesystem has no locks. */
export function lockWriter(file: CompleteFile, exclusive: boolean): void {
  const { path, readOnly } = file.facts;
  if (readOnly) return;
  if (exclusive) {
    const failure = lockAll(file);
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

/** True if no other writer has the file open; from then on none can open it. False if the filesystem has no locks. */
export function isOnlyWriter(file: CompleteFile): boolean {
  return lockAll(file) === undefined;
}

function lockAll(file: CompleteFile): SystemFailure | undefined {
  return file.lock(POSITION, WRITERS_MAX);
}

/** One claim of an open file: the kernel tells open files apart, and does not refuse one of them its own lock. */
export class ClaimLock {
  readonly #file: CompleteFile;
  #holder: FileClaim | undefined;

  constructor(file: CompleteFile) {
    this.#file = file;
  }

  /** Throws ERR_PMEM_LOCKED, or ERR_PMEM_NOT_SUPPORTED if the filesystem has no locks. */
  take(): FileClaim {
    const { path } = this.#file.facts;
    const failure = this.#holder === undefined ? this.#file.lock(CLAIM_POSITION, 1) : undefined;
    if (this.#holder !== undefined || failure?.errno === Errno.EAGAIN) {
      throw new PmemError('ERR_PMEM_LOCKED', 'the file is claimed already, here or in another process', { path });
    }
    if (failure !== undefined) throw systemError('cannot claim: the filesystem has no locks', failure, { path });
    const claim = {
      release: (): void => {
        if (this.#holder !== claim) return;
        this.#holder = undefined;
        this.#file.unlock(CLAIM_POSITION, 1);
      },
    };
    this.#holder = claim;
    return claim;
  }

  /** The lock ends with the open file. */
  forget(): void {
    this.#holder = undefined;
  }
}
