import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, realpathSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PmemError } from '@safe-pmem/core';
import { folderAt } from './scratch-folder.js';
import type { ScratchFolder } from './scratch-folder.js';

const BALLAST = '.ballast';

/** A small tmpfs of its own, to run out of space in. */
export interface SmallFilesystem extends ScratchFolder {
  /**
   * Takes all space that is left: a store to a page that has none yet raises SIGBUS, and PmemFile says
   * ERR_PMEM_NO_SPACE.
   */
  fill(): void;
  /** Gives the space back. */
  free(): void;
  /** Unmounts and removes it. Close the files in it first. */
  remove(): void;
}

/**
 * Mounts a tmpfs of `sizeBytes` (a multiple of the page size; 1 MiB) below the folder for temporary files. That takes
 * CAP_SYS_ADMIN: root, or tests that are started in namespaces of their own, `unshare --user --map-root-user --mount
 * npm test`, which also unmounts it if the tests are killed. Throws ERR_PMEM_NOT_SUPPORTED if the kernel refuses.
 *
 * @example
 * const disk = smallFilesystem();
 * const file = await PmemFile.open(disk.file('db'), { driver: nativeDriver(), create: true, size: 65536 });
 * disk.fill();
 * assert.throws(() => file.write(bytes, 0), { code: 'ERR_PMEM_NO_SPACE' });
 */
export function smallFilesystem({ sizeBytes = 1 << 20 }: { readonly sizeBytes?: number } = {}): SmallFilesystem {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes <= 0) {
    throw new RangeError(`'sizeBytes' must be a positive whole number, and is ${sizeBytes}`);
  }
  const mountPoint = mkdtempSync(path.join(realpathSync(tmpdir()), 'safe-pmem-small-'));
  try {
    const options = `size=${sizeBytes},mode=0700`;
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'safe-pmem', mountPoint], { stdio: 'pipe' });
  } catch (cause) {
    rmSync(mountPoint, { recursive: true, force: true });
    const message =
      'a tmpfs of its own could not be mounted. That takes root, or namespaces: ' +
      'unshare --user --map-root-user --mount <command>. The mount point was';
    throw new PmemError('ERR_PMEM_NOT_SUPPORTED', message, { path: mountPoint, cause });
  }
  const folder = folderAt(mountPoint);
  const free = (): void => {
    rmSync(folder.file(BALLAST), { force: true });
  };
  return {
    ...folder,
    fill: () => {
      takeAll(mountPoint, folder.file(BALLAST));
    },
    free,
    remove: () => {
      execFileSync('umount', [mountPoint], { stdio: 'pipe' });
      rmSync(mountPoint, { recursive: true, force: true });
    },
  };
}

function takeAll(mountPoint: string, ballast: string): void {
  const file = openSync(ballast, 'a');
  try {
    const { bavail, bsize } = statfsSync(mountPoint);
    const block = Buffer.alloc(bsize, 1);
    for (let left = bavail; left > 0; left -= 1) writeSync(file, block);
  } catch (error) {
    // Full: that is what was wanted.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  } finally {
    closeSync(file);
  }
}
