/** pread(2). On DAX the kernel asks for the whole part of the request that lies in one extent, and all of it fails. */
import { Errno, type Transfer } from '@safe-pmem/core';
import { HOLE, isUnwritten, mappedBlock } from '../filesystem/block-map.js';
import { blocksIn, SECTOR_BYTES } from '../hardware/geometry.js';
import { extentLength } from '../filesystem/extents.js';
import type { Inode } from '../filesystem/inode.js';
import type { Machine } from '../machine.js';

export function pread(machine: Machine, inode: Inode, target: Uint8Array, position: number): Transfer {
  if (machine.filesystem.shutDown) return { transferredBytes: 0, errno: Errno.EIO };
  const { blockBytes } = machine;
  const end = Math.min(position + target.length, inode.sizeBytes);
  let at = position;
  while (at < end) {
    const logical = Math.floor(at / blockBytes);
    const count = extentLength(inode, logical, blocksIn(blockBytes, end) - logical);
    const stop = Math.min(end, (logical + count) * blockBytes);
    const entry = inode.map.at(logical);
    if (entry === HOLE || isUnwritten(entry)) {
      target.fill(0, at - position, stop - position);
      at = stop;
      continue;
    }
    const outcome = readWritten(machine, mappedBlock(entry), at % blockBytes, target, at - position, stop - at);
    at += outcome.transferredBytes;
    if (outcome.errno !== 0) return ended(at - position, outcome.errno);
  }
  return ended(Math.max(0, at - position), 0);
}

/** Reads `length` bytes of adjoining written blocks, `offset` bytes into the first. */
function readWritten(
  machine: Machine,
  first: number,
  offset: number,
  target: Uint8Array,
  from: number,
  length: number,
): Transfer {
  const { blockBytes, device, rules } = machine;
  const badSector = device.known.firstSector(first, blocksIn(blockBytes, offset + length));
  const badBlock = badSector === undefined ? undefined : Math.floor((badSector * SECTOR_BYTES) / blockBytes);
  const goodBytes = badBlock === undefined ? length : Math.max(0, badBlock * blockBytes - offset);
  if (badBlock !== undefined && (rules.readGrain === 'extent' || goodBytes === 0)) {
    return { transferredBytes: 0, errno: Errno.EIO };
  }
  const readable = Math.min(length, goodBytes);
  for (let done = 0; done < readable; ) {
    const block = first + Math.floor((offset + done) / blockBytes);
    const within = (offset + done) % blockBytes;
    const step = Math.min(blockBytes - within, readable - done);
    if (device.isHeldBack(block)) return { transferredBytes: done, errno: done === 0 ? Errno.EFAULT : 0 };
    const poisonAt = device.touchLatent(block, within, step);
    const good = poisonAt === undefined ? step : poisonAt - within;
    device.medium.copyOut(block, within, target, from + done, good);
    done += good;
    if (poisonAt !== undefined) return { transferredBytes: done, errno: done === 0 ? rules.latentReadErrno : 0 };
  }
  return { transferredBytes: readable, errno: 0 };
}

/** A call that moved bytes reports them and keeps the failure for the next call. */
export function ended(transferredBytes: number, errno: number): Transfer {
  return { transferredBytes, errno: transferredBytes > 0 ? 0 : errno };
}
