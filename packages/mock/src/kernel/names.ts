/** rename(2) and link(2), as other processes call them. Each returns an errno. */
import { Errno } from '@safe-pmem/core';
import type { Machine } from '../machine.js';

/** Names the file at `from` `to`; a file of that name loses it. */
export function renameFile(machine: Machine, from: string, to: string): number {
  const { filesystem } = machine;
  if (filesystem.shutDown) return Errno.EIO;
  const inode = filesystem.find(from);
  if (inode === undefined) return Errno.ENOENT;
  filesystem.rename(from, to);
  inode.changedMs = machine.nowMs;
  return 0;
}

/** Gives the file at `from` the second name `to`. */
export function linkFile(machine: Machine, from: string, to: string): number {
  const { filesystem } = machine;
  if (filesystem.shutDown) return Errno.EIO;
  const inode = filesystem.find(from);
  if (inode === undefined) return Errno.ENOENT;
  if (filesystem.find(to) !== undefined) return Errno.EEXIST;
  filesystem.link(inode, to);
  inode.changedMs = machine.nowMs;
  return 0;
}
