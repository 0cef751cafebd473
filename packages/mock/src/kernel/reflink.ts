/** Two files, one set of blocks: FICLONE, copy_file_range, UNSHARE_RANGE. Sharing copies no byte, and so meets no poison. */
import { Errno } from '@safe-pmem/core';
import { HOLE, isUnwritten, mappedBlock } from '../filesystem/block-map.js';
import { blocksIn } from '../hardware/geometry.js';
import type { Inode } from '../filesystem/inode.js';
import type { Machine } from '../machine.js';
import { makeWritable } from './blocks.js';
import { pread } from './pread.js';
import { pwrite } from './pwrite.js';
import { truncate } from './truncate.js';

/** Makes the file at `to`, new or emptied first, share every block of `from`. */
export function reflink(machine: Machine, from: Inode, to: string): number {
  const { filesystem, rules } = machine;
  if (!rules.reflink) return Errno.EOPNOTSUPP;
  if (filesystem.shutDown) return Errno.EIO;
  const target = filesystem.find(to) ?? filesystem.create(to);
  if (target === from) return Errno.EINVAL;
  const errno = truncate(machine, target, 0);
  if (errno !== 0) return errno;
  machine.device.cache.persistOwner(from.number);
  filesystem.assign(target, 0, from.map.slice(0, from.map.endBlock));
  filesystem.setSize(target, from.sizeBytes);
  // Pages that were writable must fault again, or a store would reach both files.
  from.invalidate(0, Infinity);
  return 0;
}

/**
 * copy_file_range of the whole file into the one at `to`: shared blocks if the filesystem can, copied bytes otherwise.
 */
export function copyFileRange(machine: Machine, from: Inode, to: string): number {
  const { filesystem, rules } = machine;
  if (rules.reflink) return reflink(machine, from, to);
  const target = filesystem.find(to) ?? filesystem.create(to);
  const bytes = new Uint8Array(from.sizeBytes);
  for (let done = 0; done < bytes.length; ) {
    const read = pread(machine, from, bytes.subarray(done), done);
    const copied = read.errno === 0 ? pwrite(machine, target, bytes.subarray(done, done + read.transferredBytes), done) : read;
    if (copied.errno !== 0) {
      filesystem.unlink(to);
      return copied.errno;
    }
    done += copied.transferredBytes;
  }
  return 0;
}

/** FALLOC_FL_UNSHARE_RANGE: the file gets copies of the blocks that it shares, so it has to read them. */
export function unshareRange(machine: Machine, inode: Inode, position: number, length: number): number {
  const { filesystem, rules } = machine;
  if (!rules.unshare) return Errno.EOPNOTSUPP;
  if (filesystem.shutDown) return Errno.EIO;
  const { blockBytes } = machine;
  const end = blocksIn(blockBytes, Math.min(position + length, inode.sizeBytes));
  for (let at = Math.floor(position / blockBytes); at < end; ) {
    const entry = inode.map.at(at);
    if (entry === HOLE || isUnwritten(entry) || !filesystem.isShared(mappedBlock(entry))) {
      at++;
      continue;
    }
    const copied = makeWritable(machine, inode, at, end - at);
    if (copied.errno !== 0) return copied.errno;
    at += copied.count;
  }
  return 0;
}
