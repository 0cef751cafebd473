/** readdir(3) and lstat(2) of the folder in which a file was when it was opened. */
import { Errno, type FileFacts, type FileIdentity, type FolderOutcome, type IdentityOutcome } from '@safe-pmem/core';
import type { Inode } from '../filesystem/inode.js';
import type { Machine } from '../machine.js';

export function listFolder({ filesystem }: Machine, facts: FileFacts): FolderOutcome {
  if (filesystem.shutDown) return { failure: { errno: Errno.EIO, syscall: 'readdir' } };
  const folder = folderOf(facts.path);
  const inside = filesystem.paths().filter((path) => path.startsWith(folder));
  // A folder below it is one name, however many files are in it.
  return { names: [...new Set(inside.map((path) => path.slice(folder.length).replace(/\/.*/, '')))] };
}

export function identify(machine: Machine, facts: FileFacts, name: string): IdentityOutcome {
  const { filesystem } = machine;
  if (filesystem.shutDown) return { failure: { errno: Errno.EIO, syscall: 'lstat' } };
  const inode = filesystem.find(folderOf(facts.path) + name);
  return inode === undefined ? undefined : identityOf(machine, inode);
}

/** A tmpfs of Linux before 6.0 keeps no births. Elsewhere they differ, also of files that are made at one time. */
export function identityOf({ mount }: Machine, { number, bornMs }: Inode): FileIdentity {
  const bornNs = BigInt(bornMs) * 1_000_000n + BigInt(number);
  return { inode: BigInt(number), birthTimeNs: mount.filesystem === 'tmpfs' ? 0n : bornNs };
}

/** The folder of a path, with its slash. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}
