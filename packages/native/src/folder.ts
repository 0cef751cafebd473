/** The folder of an open file, by node:fs: `node --permission` has its say in it, and no call needs the addon. */
import fs from 'node:fs';
import path from 'node:path';
import type { FolderOutcome, IdentityOutcome, SystemFailure } from '@safe-pmem/core';
import { Errno } from '@safe-pmem/core';

export async function listFolder(file: string): Promise<FolderOutcome> {
  try {
    return { names: await fs.promises.readdir(path.dirname(file)) };
  } catch (error) {
    return failureOf(error, 'readdir');
  }
}

export function listFolderSync(file: string): FolderOutcome {
  try {
    return { names: fs.readdirSync(path.dirname(file)) };
  } catch (error) {
    return failureOf(error, 'readdir');
  }
}

/** Flushes the folder of `place`, which is a name in the folder of the file or a path. */
export async function settleFolder(file: string, place: string): Promise<SystemFailure | undefined> {
  try {
    const folder = await fs.promises.open(folderOf(file, place), 'r');
    await folder.sync().finally(() => folder.close());
    return undefined;
  } catch (error) {
    return failureOf(error, 'fsync').failure;
  }
}

export function settleFolderSync(file: string, place: string): SystemFailure | undefined {
  try {
    const folder = fs.openSync(folderOf(file, place), 'r');
    try {
      fs.fsyncSync(folder);
    } finally {
      fs.closeSync(folder);
    }
    return undefined;
  } catch (error) {
    return failureOf(error, 'fsync').failure;
  }
}

function folderOf(file: string, place: string): string {
  return path.dirname(path.resolve(path.dirname(file), place));
}

/** Asks with lstat(2), by statx(2) where the kernel has it: without, the birth is not known and counts for nothing. */
export function identify(file: string, name: string): IdentityOutcome {
  try {
    const stat = fs.lstatSync(path.join(path.dirname(file), name), { bigint: true, throwIfNoEntry: false });
    return stat === undefined ? undefined : { inode: stat.ino, birthTimeNs: stat.birthtimeNs };
  } catch (error) {
    return failureOf(error, 'lstat');
  }
}

/** The numbers of libuv are those of the system, negative; what the flags of `--permission` forbid has none. */
function failureOf(error: unknown, syscall: string): { readonly failure: SystemFailure } {
  const { errno, code } = error as NodeJS.ErrnoException;
  if (code === 'ERR_ACCESS_DENIED') return { failure: { errno: Errno.EACCES, syscall } };
  if (errno === undefined) throw error;
  return { failure: { errno: -errno, syscall } };
}
