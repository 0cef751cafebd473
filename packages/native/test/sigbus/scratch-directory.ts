/** Fresh directories on a filesystem that the test depends on. */
import { mkdtempSync, realpathSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** f_type of statfs(2), from the kernel's include/uapi/linux/magic.h. */
export const TMPFS_MAGIC = 0x01021994;

export interface ScratchDirectory {
  /** Absolute, without symbolic links. */
  readonly path: string;
  remove(): void;
}

function under(parent: string): ScratchDirectory {
  const directory = mkdtempSync(path.join(realpathSync(parent), 'safe-pmem-'));
  return { path: directory, remove: () => { rmSync(directory, { recursive: true, force: true }); } };
}

/** On tmpfs, the one filesystem whose mappings can be poisoned without special hardware. */
export function tmpfsDirectory(): ScratchDirectory {
  let magic: number | undefined;
  try {
    magic = statfsSync('/dev/shm').type;
  } catch {
    magic = undefined;
  }
  if (magic !== TMPFS_MAGIC) throw new Error('these tests need a tmpfs at /dev/shm, and there is none');
  return under('/dev/shm');
}

/** On whatever the machine keeps its temporary files on. */
export function ordinaryDirectory(): ScratchDirectory {
  return under(tmpdir());
}
