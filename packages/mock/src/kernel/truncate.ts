/** ftruncate(2), including sizes that lie inside a bad block (rows 15 and 18). */
import { Errno } from '@safe-pmem/core';
import { blocksIn } from '../geometry.js';
import type { Inode } from '../inode.js';
import type { Machine } from '../machine.js';
import { zeroTail } from './blocks.js';

export function truncate(machine: Machine, inode: Inode, sizeBytes: number): number {
  if (machine.filesystem.shutDown) return Errno.EIO;
  return sizeBytes < inode.sizeBytes ? shrink(machine, inode, sizeBytes) : grow(machine, inode, sizeBytes);
}

function shrink(machine: Machine, inode: Inode, sizeBytes: number): number {
  const { filesystem, rules } = machine;
  const errno = zeroTail(machine, inode, sizeBytes);
  if (errno !== 0 && rules.shrinkIntoPoison === 'refused') return errno;
  const kept = blocksIn(sizeBytes);
  filesystem.log.atomically(inode.number, () => {
    filesystem.setSize(inode, sizeBytes);
    filesystem.assignHoles(inode, kept, Math.max(0, inode.map.endBlock - kept));
  });
  inode.invalidate(kept, Infinity);
  return rules.shrinkIntoPoison === 'ignored' ? 0 : errno;
}

function grow(machine: Machine, inode: Inode, sizeBytes: number): number {
  const { filesystem, rules } = machine;
  if (sizeBytes > inode.sizeBytes && rules.growFromPoison === 'refused') {
    const errno = zeroTail(machine, inode, inode.sizeBytes);
    if (errno !== 0) return errno;
  }
  filesystem.setSize(inode, sizeBytes);
  return 0;
}
