/** Shared by every system call that writes: gives blocks to a file, zeroes them, and copies shared ones. */
import { Errno } from '@safe-pmem/core';
import { HOLE, isUnwritten, mappedBlock, writtenEntry } from '../filesystem/block-map.js';
import { extentLength, unsharedExtentLength } from '../filesystem/extents.js';
import type { Inode } from '../filesystem/inode.js';
import type { Machine } from '../machine.js';
import { convertOnExt4 } from './ext4-unwritten.js';
import type { BlocksOutcome } from './zero-blocks.js';
import { zeroBlocks } from './zero-blocks.js';

const failed = (errno: number): BlocksOutcome => ({ count: 0, errno });

/**
 * Makes blocks of the file written and its own, at most `limit` from `logical`, one extent at a time: holes are
 * allocated and zeroed, unwritten blocks zeroed, shared blocks copied.
 */
export function makeWritable(machine: Machine, inode: Inode, logical: number, limit: number): BlocksOutcome {
  const { filesystem, rules } = machine;
  const entry = inode.map.at(logical);
  const count = alikeLength(inode, logical, unsharedExtentLength(filesystem, inode, logical, limit));
  if (inode.setAside.has(logical)) return copyShared(machine, inode, logical, count);
  if (entry === HOLE) return allocateWritten(machine, inode, logical, count);
  if (isUnwritten(entry)) {
    const convert = rules.smallExtentBlocks !== undefined ? convertOnExt4 : convertUnwritten;
    const made = convert(machine, inode, logical, count);
    return made.errno === 0 && rules.joinsNewExtents ? joinWritten(machine, inode, logical, limit) : made;
  }
  return filesystem.isShared(mappedBlock(entry)) ? copyShared(machine, inode, logical, count) : { count, errno: 0 };
}

/** Blocks from `logical` on, at most `limit`, that are all set aside, or none of them. */
function alikeLength({ setAside }: Inode, logical: number, limit: number): number {
  if (setAside.size === 0) return limit;
  let length = 1;
  while (length < limit && setAside.has(logical + length) === setAside.has(logical)) length++;
  return length;
}

/** A write of this block goes to another one. */
export function isCopiedOnWrite({ filesystem }: Machine, inode: Inode, logical: number): boolean {
  const entry = inode.map.at(logical);
  const isShared = entry !== HOLE && !isUnwritten(entry) && filesystem.isShared(mappedBlock(entry));
  return isShared || inode.setAside.has(logical);
}

/** XFS makes one extent of converted blocks and the written ones after them, if these adjoin, and unmaps all of it. */
function joinWritten(machine: Machine, inode: Inode, logical: number, limit: number): BlocksOutcome {
  const count = unsharedExtentLength(machine.filesystem, inode, logical, limit);
  inode.invalidate(logical, count);
  return { count, errno: 0 };
}

/** Puts zeroed blocks from the free pool into holes. The zeros are durable, the change of the file is not. */
function allocateWritten(machine: Machine, inode: Inode, logical: number, limit: number): BlocksOutcome {
  const { filesystem, rules } = machine;
  const run = filesystem.reserve(inode, logical, limit);
  if (run === undefined) return failed(filesystem.noSpaceErrno);
  const zeroed = zeroBlocks(machine, run.start, run.count);
  if (!zeroed && rules.failedAllocation === 'shutdown') {
    filesystem.shutDown = true;
    return failed(Errno.EIO);
  }
  // ext4 has put the extent into the file before it zeroes, and leaves it there when that fails.
  filesystem.assign(inode, logical, Int32Array.from({ length: run.count }, (_, i) => writtenEntry(run.start + i)));
  return zeroed ? { count: run.count, errno: 0 } : failed(Errno.EIO);
}

function convertUnwritten(machine: Machine, inode: Inode, logical: number, count: number): BlocksOutcome {
  const entries = inode.map.slice(logical, count).map((entry) => writtenEntry(mappedBlock(entry)));
  if (!zeroBlocks(machine, mappedBlock(inode.map.at(logical)), count)) return failed(Errno.EIO);
  machine.filesystem.assign(inode, logical, entries);
  return { count, errno: 0 };
}

/** XFS makes room for copies of as many blocks as are around the one that is copied (the hint cowextsize). */
const COPIED_BLOCKS = 32;

/**
 * Gives the file copies of blocks that it shares, or that room was made for. EIO if one of them is bad, even if all of
 * it is to be replaced.
 */
function copyShared(machine: Machine, inode: Inode, logical: number, limit: number): BlocksOutcome {
  const { device, filesystem, rules } = machine;
  const from = inode.map.slice(logical, limit);
  const isBad = from.some((entry) => entry > HOLE && device.known.firstSector(mappedBlock(entry), 1) !== undefined);
  if (isBad) return failed(Errno.EIO);
  const run = filesystem.reserve(inode, logical, limit);
  if (run === undefined) return failed(filesystem.noSpaceErrno);
  if (!zeroBlocks(machine, run.start, run.count)) {
    filesystem.shutDown = rules.failedAllocation === 'shutdown';
    return failed(Errno.EIO);
  }
  const { blockBytes } = device;
  const bytes = new Uint8Array(blockBytes);
  for (let i = 0; i < run.count; i++) {
    const entry = from[i] ?? HOLE;
    if (entry === HOLE || isUnwritten(entry)) continue;
    device.medium.copyOut(mappedBlock(entry), 0, bytes, 0, blockBytes);
    device.medium.copyIn(run.start + i, 0, bytes, 0, blockBytes);
  }
  filesystem.assign(inode, logical, Int32Array.from({ length: run.count }, (_, i) => writtenEntry(run.start + i)));
  setAsideAround(inode, logical, run.count);
  return { count: run.count, errno: 0 };
}

function setAsideAround({ setAside }: Inode, logical: number, count: number): void {
  const end = Math.ceil((logical + count) / COPIED_BLOCKS) * COPIED_BLOCKS;
  // Room that was made earlier stays; only blocks that have just been copied have used theirs.
  const isNew = !setAside.delete(logical);
  for (let at = logical - (logical % COPIED_BLOCKS); isNew && at < end; at++) setAside.add(at);
  for (let at = logical; at < logical + count; at++) setAside.delete(at);
}

/** Zeroes bytes inside one block, as fallocate and ftruncate do at edges. Holes and unwritten blocks are zeros already. */
export function zeroWithinBlock(machine: Machine, inode: Inode, position: number, length: number): number {
  const { device, blockBytes } = machine;
  const logical = Math.floor(position / blockBytes);
  const entry = inode.map.at(logical);
  if (entry === HOLE || isUnwritten(entry)) return 0;
  if (device.isKnownBad(mappedBlock(entry))) return Errno.EIO;
  if (isCopiedOnWrite(machine, inode, logical)) {
    const copied = copyShared(machine, inode, logical, 1);
    if (copied.errno !== 0) return copied.errno;
  }
  const block = mappedBlock(inode.map.at(logical));
  device.storeZeros(block, position % blockBytes, length, inode.number);
  return 0;
}

/** Zeroes from a size to the end of its block; does nothing if the size ends a block. */
export function zeroTail(machine: Machine, inode: Inode, sizeBytes: number): number {
  const { blockBytes } = machine;
  const within = sizeBytes % blockBytes;
  return within === 0 ? 0 : zeroWithinBlock(machine, inode, sizeBytes, blockBytes - within);
}

/** Gives every hole among the blocks an unwritten block. ENOSPC keeps what it got. */
export function fillHoles(machine: Machine, inode: Inode, logical: number, count: number): number {
  const { filesystem } = machine;
  for (let at = logical; at < logical + count; ) {
    const length = extentLength(inode, at, logical + count - at);
    if (inode.map.at(at) !== HOLE) {
      at += length;
      continue;
    }
    const run = filesystem.allocate(inode, at, length);
    if (run === undefined) return filesystem.noSpaceErrno;
    at += run.count;
  }
  return 0;
}
