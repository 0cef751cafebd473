/** ftruncate(2), including sizes that lie inside a bad block. */
import { Errno } from '@safe-pmem/core';
import { HOLE } from '../filesystem/block-map.js';
import { blocksIn } from '../hardware/geometry.js';
import type { Inode } from '../filesystem/inode.js';
import type { Machine } from '../machine.js';
import { zeroTail } from './blocks.js';
import { preallocate, unmapFile } from './fallocate.js';

export function truncate(machine: Machine, inode: Inode, sizeBytes: number): number {
  if (machine.filesystem.shutDown) return Errno.EIO;
  if (sizeBytes > fileBytesMax(machine)) return Errno.EFBIG;
  unmapFile(machine, inode);
  inode.modifiedMs = machine.nowMs;
  inode.changedMs = machine.nowMs;
  // A truncate to the same size zeroes the tail again, as the kernel does.
  return sizeBytes <= inode.sizeBytes ? shrink(machine, inode, sizeBytes) : grow(machine, inode, sizeBytes);
}

/** ext4 counts 2^32 blocks; the others count more than a program can map. */
function fileBytesMax({ blockBytes, mount }: Machine): number {
  return mount.filesystem === 'ext4' ? (2 ** 32 - 1) * blockBytes : Infinity;
}

function shrink(machine: Machine, inode: Inode, sizeBytes: number): number {
  const { filesystem, rules } = machine;
  const errno = zeroTail(machine, inode, sizeBytes);
  if (errno !== 0 && rules.shrinkIntoPoison === 'refused') return errno;
  if (errno !== 0 && rules.shrinkIntoPoison === 'fails-but-shrinks') {
    filesystem.setSize(inode, sizeBytes);
    inode.replace(blocksIn(machine.blockBytes, sizeBytes), Infinity);
    return errno;
  }
  filesystem.log.atomically(inode.number, () => {
    filesystem.setSize(inode, sizeBytes);
    freeFrom(machine, inode, blocksIn(machine.blockBytes, sizeBytes));
  });
  return rules.shrinkIntoPoison === 'ignored' ? 0 : errno;
}

function freeFrom({ filesystem }: Machine, inode: Inode, block: number): void {
  filesystem.assignHoles(inode, block, Math.max(0, inode.map.endBlock - block));
  inode.replace(block, Infinity);
}

/**
 * fallocate(): blocks first, then the size, which zeroes the tail. A failure leaves the blocks that were allocated, but
 * on ext4 of 7.3, which frees those past the end that this call has allocated.
 */
export function allocateAndGrow(machine: Machine, inode: Inode, position: number, length: number): number {
  const end = position + length;
  const endOfFile = blocksIn(machine.blockBytes, inode.sizeBytes);
  let kept = Math.max(endOfFile, inode.map.endBlock);
  while (kept > endOfFile && inode.map.at(kept - 1) === HOLE) kept--;
  const errno = preallocate(machine, inode, position, length);
  if (errno !== 0 || end <= inode.sizeBytes) return errno;
  const failure = grow(machine, inode, end);
  if (failure !== 0 && machine.rules.shrinkIntoPoison === 'fails-but-shrinks') freeFrom(machine, inode, kept);
  return failure;
}

/** Does the same from the end of the file. If it fails, a truncate undoes it, as far as the tail lets that happen. */
export function growAllocated(machine: Machine, inode: Inode, sizeBytes: number): number {
  const before = inode.sizeBytes;
  const errno = allocateAndGrow(machine, inode, before, sizeBytes - before);
  if (errno !== 0) truncate(machine, inode, before);
  return errno;
}

function grow(machine: Machine, inode: Inode, sizeBytes: number): number {
  const { filesystem, rules } = machine;
  if (sizeBytes > inode.sizeBytes && rules.growZeroesTail) {
    const errno = zeroTail(machine, inode, inode.sizeBytes);
    if (errno !== 0 && rules.growFromPoison === 'refused') return errno;
  }
  filesystem.setSize(inode, sizeBytes);
  return 0;
}
