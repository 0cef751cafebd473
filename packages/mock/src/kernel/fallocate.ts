/** fallocate(2): FALLOC_FL_ZERO_RANGE with KEEP_SIZE, PUNCH_HOLE, and plain preallocation. */
import { Errno } from '@safe-pmem/core';
import { isUnwritten, mappedBlock, unwrittenEntry } from '../filesystem/block-map.js';
import { blocksIn } from '../hardware/geometry.js';
import type { Inode } from '../filesystem/inode.js';
import type { Machine } from '../machine.js';
import { fillHoles } from './blocks.js';
import { type Cover, coverOf, zeroEdges } from './cover.js';
import { trustDiskWithin } from './ext4-unwritten.js';
import { relocate } from './xfs-relocate.js';
import { zeroInPlace } from './zero-in-place.js';

export function zeroRange(machine: Machine, inode: Inode, position: number, length: number): number {
  const { filesystem, rules } = machine;
  if (rules.zeroRange === 'unsupported') return Errno.EOPNOTSUPP;
  if (length <= 0) return Errno.EINVAL;
  if (filesystem.shutDown) return Errno.EIO;
  const cover = coverOf(machine.blockBytes, position, length);
  if (cover.count > 0 || rules.unmapsFile !== 'before-freeing') unmapFile(machine, inode);
  switch (rules.zeroRange) {
    case 'unwritten-in-place':
      return allocateTouched(machine, inode, position, length) || makeUnwritten(machine, inode, cover);
    case 'relocates':
      return relocate(machine, inode, cover) || allocateTouched(machine, inode, position, length);
    case 'clears-in-place':
      return zeroInPlace(machine, inode, position, length);
  }
}

export function punchHole(machine: Machine, inode: Inode, position: number, length: number): number {
  if (length <= 0) return Errno.EINVAL;
  if (machine.filesystem.shutDown) return Errno.EIO;
  const { filesystem, rules } = machine;
  if (rules.punch === 'blocks-first') {
    unmapFile(machine, inode);
    const cover = coverOf(machine.blockBytes, position, length);
    filesystem.assignHoles(inode, cover.first, cover.count);
    return zeroEdges(machine, inode, cover);
  }
  const behindEnd = position >= inode.sizeBytes;
  if (!behindEnd || rules.unmapsFile !== 'before-freeing') unmapFile(machine, inode);
  if (behindEnd) return 0;
  // A hole that reaches beyond the end of the file ends with the page that the end falls into, whole.
  const { blockBytes } = machine;
  const beyond = position + length > inode.sizeBytes;
  const end = beyond ? (Math.floor(inode.sizeBytes / blockBytes) + 1) * blockBytes : position + length;
  const cover = coverOf(machine.blockBytes, position, end - position);
  const errno = zeroEdges(machine, inode, cover);
  if (errno === 0) filesystem.assignHoles(inode, cover.first, cover.count);
  return errno;
}

/** Allocates every hole that the bytes touch; the size stays. */
export function preallocate(machine: Machine, inode: Inode, position: number, length: number): number {
  if (machine.filesystem.shutDown) return Errno.EIO;
  if (machine.rules.unmapsFile === 'before-any') unmapFile(machine, inode);
  return allocateTouched(machine, inode, position, length);
}

/** Unmaps every page of the file, because no program may go on using blocks that are about to be freed. */
export function unmapFile(machine: Machine, inode: Inode): void {
  if (machine.rules.unmapsFile !== 'never') inode.invalidate(0, Infinity);
}

function allocateTouched(machine: Machine, inode: Inode, position: number, length: number): number {
  const { blockBytes } = machine;
  const first = Math.floor(position / blockBytes);
  const count = blocksIn(blockBytes, position + length) - first;
  trustDiskWithin(machine, inode, first, count);
  return fillHoles(machine, inode, first, count);
}

/** ext4: the same blocks, no longer written. The medium is not touched, and what is bad stays bad and listed. */
function makeUnwritten(machine: Machine, inode: Inode, cover: Cover): number {
  const { zeroesEdgesFirst } = machine.rules;
  const errno = zeroesEdgesFirst ? zeroEdges(machine, inode, cover) : 0;
  if (errno !== 0) return errno;
  const entries = inode.map.slice(cover.first, cover.count);
  if (inode.onDisk.size > 0 || entries.some((entry) => !isUnwritten(entry))) {
    machine.filesystem.assign(inode, cover.first, entries.map((entry) => unwrittenEntry(mappedBlock(entry))));
  }
  return zeroesEdgesFirst ? 0 : zeroEdges(machine, inode, cover);
}
