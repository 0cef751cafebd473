/** pwrite(2), extent by extent. What it stores is volatile until the file is synced or the bytes are persisted. */
import { Errno, type Transfer } from '@safe-pmem/core';
import { mappedBlock } from '../filesystem/block-map.js';
import { blocksIn, forEachBlock, SECTOR_BYTES } from '../hardware/geometry.js';
import type { Inode } from '../filesystem/inode.js';
import type { Machine } from '../machine.js';
import { makeWritable, zeroTail } from './blocks.js';
import { ended } from './pread.js';

export function pwrite(machine: Machine, inode: Inode, source: Uint8Array, position: number): Transfer {
  const { blockBytes, filesystem, rules } = machine;
  if (filesystem.shutDown) return ended(0, Errno.EIO);
  if (position > inode.sizeBytes && rules.growFromPoison === 'refused') {
    const errno = zeroTail(machine, inode, inode.sizeBytes);
    if (errno !== 0) return ended(0, errno);
  }
  inode.modifiedMs = machine.nowMs;
  inode.changedMs = machine.nowMs;
  const end = position + source.length;
  let at = position;
  let errno = 0;
  while (at < end && errno === 0) {
    const logical = Math.floor(at / blockBytes);
    const blocks = makeWritable(machine, inode, logical, blocksIn(blockBytes, end) - logical);
    errno = blocks.errno;
    if (errno !== 0) break;
    const length = Math.min(end, (logical + blocks.count) * blockBytes) - at;
    const first = mappedBlock(inode.map.at(logical));
    const outcome = writeWritten(machine, inode, first, at % blockBytes, source.subarray(at - position), length);
    at += outcome.transferredBytes;
    errno = outcome.errno;
  }
  if (at > position) filesystem.setSize(inode, Math.max(inode.sizeBytes, at));
  // ext4 takes the negative errno of a write that failed beyond the end of the file for a count of bytes.
  else if (rules.failedAppendGrows && end > inode.sizeBytes) filesystem.setSize(inode, Math.max(inode.sizeBytes, position - errno));
  return ended(at - position, errno);
}

/**
 * Writes `length` bytes of `source` to adjoining written blocks, `offset` bytes into the first. Unlike a Transfer, the
 * outcome may carry both bytes and the errno that stopped them.
 */
function writeWritten(
  machine: Machine,
  inode: Inode,
  first: number,
  offset: number,
  source: Uint8Array,
  length: number,
): Transfer {
  const { blockBytes, device, rules } = machine;
  const store = (from: number, bytes: number): void => {
    forEachBlock(blockBytes, offset + from, bytes, (index, within, step, done) => {
      device.store(first + index, within, source, from + done, step, inode.number);
    });
  };
  for (let held = 0; held < blocksIn(blockBytes, offset + length); held++) {
    if (!device.isHeldBack(first + held)) continue;
    // No clear is tried on what is not on the list, so a write of the whole page is refused like any other.
    const good = Math.max(0, held * blockBytes - offset);
    const before = writeWritten(machine, inode, first, offset, source, good);
    return { ...before, errno: before.errno === 0 ? Errno.EFAULT : before.errno };
  }
  for (let done = 0; done < length; ) {
    const block = Math.floor((offset + done) / blockBytes);
    const within = (offset + done) % blockBytes;
    const rest = length - done;
    const poisonedSector = device.known.firstSector(first + block, blocksIn(blockBytes, within + rest));
    if (poisonedSector === undefined) {
      store(done, rest);
      return { transferredBytes: length, errno: 0 };
    }
    if (rules.poisonedWrite === 'refused') return { transferredBytes: done, errno: Errno.EIO };
    const strideOf = rules.poisonedWrite === 'recovery' ? recoveryStride : pageStride;
    const stride = strideOf(blockBytes, poisonedSector);
    const bytes = Math.min(rest, stride * blockBytes - within);
    const errno = overwrite(machine, first + block, within, bytes);
    if (errno !== 0) return { transferredBytes: done, errno };
    store(done, bytes);
    done += bytes;
  }
  return { transferredBytes: length, errno: 0 };
}

/** The page cache takes the good pages before the bad one, then the bad one alone. */
function pageStride(blockBytes: number, poisonedSector: number): number {
  return Math.max(1, Math.floor((poisonedSector * SECTOR_BYTES) / blockBytes));
}

/**
 * Pages that the kernel hands to one recovery write: those before the first poisoned sector, rounded up. A bad page
 * whose first sector is good is therefore taken together with the pages before it.
 */
function recoveryStride(blockBytes: number, poisonedSector: number): number {
  return Math.max(1, Math.ceil((poisonedSector * SECTOR_BYTES) / blockBytes));
}

/** Clears the bad ones among the pages that the bytes touch, if the rules let such a write do that. */
function overwrite(machine: Machine, block: number, within: number, bytes: number): number {
  const { blockBytes, device, rules } = machine;
  const count = blocksIn(blockBytes, within + bytes);
  if (device.known.firstSector(block, count) === undefined) return 0;
  const refusal = rules.poisonedWrite === 'recovery' ? Errno.EFAULT : Errno.EIO;
  if (within !== 0 || bytes % blockBytes !== 0) return refusal;
  for (let i = 0; i < count; i++) if (!device.clearKnown(block + i)) return refusal;
  machine.step('cleared');
  // The clear took them off the list and did not bring them back into the memory map.
  for (let i = 0; i < count; i++) if (device.isHeldBack(block + i)) return Errno.EFAULT;
  return 0;
}
