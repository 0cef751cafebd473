/** Finds that a file is not there, so that an engine makes it, and undoes that if the engine does not open. */
import { truncate, unlink } from 'node:fs/promises';
import { isPmemError, type PmemFile } from '@safe-pmem/core';

/** `empty`: it has no bytes, as a process that was killed while it made the file leaves it. */
export type Absence = 'missing' | 'empty';

/** The file that `open` opens, or why there is none. Throws what else `open` throws. */
export async function openExisting(open: () => Promise<PmemFile>): Promise<PmemFile | Absence> {
  try {
    const file = await open();
    if (file.size > 0) return file;
    await file.close();
    return 'empty';
  } catch (error) {
    if (isPmemError(error) && error.code === 'ERR_PMEM_NOT_FOUND') return 'missing';
    throw error;
  }
}

/**
 * Leaves of a file that was made what was there before. Call it while the file is locked: later another process may
 * have opened it. Never rejects: why it is called matters more, and a file that cannot be removed stays.
 */
export async function undoMaking(
  path: string, was: Absence, remove: (path: string) => unknown = unlink,
): Promise<void> {
  try {
    await (was === 'empty' ? truncate(path) : remove(path));
  } catch {
    // Nothing more can be done about it here.
  }
}
