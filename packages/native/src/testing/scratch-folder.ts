import { mkdtempSync, realpathSync, rmSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { PmemError } from '@safe-pmem/core';
import { filesystemName } from '../filesystem-name.js';

const TMPFS = '/dev/shm';

/** A fresh folder on tmpfs, whose files can be poisoned. */
export interface ScratchFolder {
  /** Absolute, without symbolic links. */
  readonly path: string;
  /** The path of a file in it. */
  file(name: string): string;
  /** Removes the folder with all that is in it. */
  remove(): void;
}

/**
 * Makes a folder on /dev/shm. Throws ERR_PMEM_NOT_SUPPORTED if that is no tmpfs.
 *
 * @example
 * const scratch = scratchFolder();
 * after(() => scratch.remove());
 */
export function scratchFolder(): ScratchFolder {
  let found = 'not there';
  try {
    found = filesystemName(statfsSync(TMPFS).type);
  } catch {
    // Said below.
  }
  if (found !== 'tmpfs') {
    const message = `a scratch folder has to be on tmpfs, and ${TMPFS} is ${found}`;
    throw new PmemError('ERR_PMEM_NOT_SUPPORTED', message, { path: TMPFS });
  }
  return folderAt(mkdtempSync(path.join(realpathSync(TMPFS), 'safe-pmem-')));
}

export function folderAt(folder: string): ScratchFolder {
  return {
    path: folder,
    file: (name) => path.join(folder, name),
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
