/** Finds that a file is not there, so that an engine makes it, and undoes that if the engine does not open. */
import { truncate, unlink } from 'node:fs/promises';
import { type Driver, isPmemError, type PmemFile } from '@safe-pmem/core';

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
 * Makes a file that was not there a moment ago. `made` is false if another process has made it meanwhile, or has
 * filled it: it is theirs then, and nothing of it may be undone. Throws what `open` throws.
 */
export async function makeFile(
  driver: Driver, open: (driver: Driver) => Promise<PmemFile>,
): Promise<{ readonly file: PmemFile; readonly made: boolean }> {
  let made = false;
  const noticing: Driver = {
    name: driver.name,
    devices: driver.devices,
    async open(path, request) {
      const outcome = await driver.open(path, request);
      made = 'file' in outcome && outcome.file.facts.created;
      return outcome;
    },
  };
  return { file: await open(noticing), made };
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
