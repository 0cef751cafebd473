/**
 * Zero-range of a kernel with e2e/real-pmem/zeroinit-kernel's patches: the media is zeroed and cleared in place. What
 * can be refused comes first (poison that cannot be cleared, then space for holes), while nothing has changed.
 */
import { Errno } from '@safe-pmem/core';
import { HOLE, isUnwritten, mappedBlock, writtenEntry } from '../filesystem/block-map.js';
import { blocksIn } from '../hardware/geometry.js';
import { unsharedExtentLength } from '../filesystem/extents.js';
import type { Inode } from '../filesystem/inode.js';
import type { Machine } from '../machine.js';
import { fillHoles, zeroWithinBlock } from './blocks.js';
import { zeroBlocks } from './zero-blocks.js';
import { trustDiskWithin } from './ext4-unwritten.js';

/** The part of one block that a range covers. */
interface Piece {
  readonly logical: number;
  /** Within the block. */
  readonly offset: number;
  readonly length: number;
}

export function zeroInPlace(machine: Machine, inode: Inode, position: number, length: number): number {
  const { blockBytes } = machine;
  const pieces = piecesOf(blockBytes, position, length);
  const first = Math.floor(position / blockBytes);
  const refused = clearPoison(machine, inode, pieces);
  if (refused !== 0) return refused;
  trustDiskWithin(machine, inode, first, pieces.length);
  const full = fillHoles(machine, inode, first, pieces.length);
  if (full !== 0) return full;
  // Blocks that have only now come from the free pool may be bad too.
  const bad = clearPoison(machine, inode, pieces);
  if (bad !== 0) return bad;
  for (const { logical } of pieces) inode.setAside.delete(logical);
  return zeroPieces(machine, inode, pieces);
}

function piecesOf(blockBytes: number, position: number, length: number): Piece[] {
  const first = Math.floor(position / blockBytes);
  return Array.from({ length: blocksIn(blockBytes, position + length) - first }, (_, i) => {
    const start = Math.max(position, (first + i) * blockBytes);
    const end = Math.min(position + length, (first + i + 1) * blockBytes);
    return { logical: first + i, offset: start % blockBytes, length: end - start };
  });
}

/** Zeroes what is known to be bad, unless another file shares it. EIO at the first block not cleared whole. */
function clearPoison(machine: Machine, inode: Inode, pieces: readonly Piece[]): number {
  const { device, filesystem } = machine;
  for (const { logical, length } of pieces) {
    const entry = inode.map.at(logical);
    if (entry === HOLE || filesystem.isShared(mappedBlock(entry)) || !device.isKnownBad(mappedBlock(entry))) continue;
    // An unwritten block has no content that could be lost.
    if (length < machine.blockBytes && !isUnwritten(entry)) return Errno.EIO;
    if (!zeroBlocks(machine, mappedBlock(entry), 1)) return Errno.EIO;
  }
  return 0;
}

function zeroPieces(machine: Machine, inode: Inode, pieces: readonly Piece[]): number {
  const { blockBytes } = machine;
  for (let i = 0; i < pieces.length; i++) {
    const piece = pieces[i];
    if (piece === undefined) break;
    const entry = inode.map.at(piece.logical);
    if (isUnwritten(entry)) continue;
    if (machine.filesystem.isShared(mappedBlock(entry))) {
      const shared = sharedFrom(machine, inode, pieces, i);
      const errno = replaceShared(machine, inode, shared);
      if (errno !== 0) return errno;
      i += shared.length - 1;
      continue;
    }
    if (piece.length < blockBytes) {
      const errno = zeroWithinBlock(machine, inode, piece.logical * blockBytes + piece.offset, piece.length);
      if (errno !== 0) return errno;
    } else if (!zeroBlocks(machine, mappedBlock(entry), 1)) return Errno.EIO;
    if (i + 1 < pieces.length) machine.step('zeroed');
  }
  return 0;
}

/** The pieces from `index` on that lie in one shared extent. */
function sharedFrom(machine: Machine, inode: Inode, pieces: readonly Piece[], index: number): readonly Piece[] {
  const logical = pieces[index]?.logical ?? 0;
  return pieces.slice(index, index + unsharedExtentLength(machine.filesystem, inode, logical, pieces.length - index));
}

/** Gives this file zeroed blocks of its own; bytes outside the range are copied. Others keep theirs, and the poison. */
function replaceShared(machine: Machine, inode: Inode, pieces: readonly Piece[]): number {
  const { blockBytes, device, filesystem } = machine;
  const bytes = new Uint8Array(blockBytes);
  for (let done = 0; done < pieces.length; ) {
    const logical = pieces[done]?.logical ?? 0;
    const run = filesystem.reserve(inode, logical, pieces.length - done);
    if (run === undefined) return Errno.ENOSPC;
    const replaced = pieces.slice(done, done + run.count);
    for (const [i, { offset, length, logical: at }] of replaced.entries()) {
      const source = mappedBlock(inode.map.at(at));
      if (length < blockBytes && device.isKnownBad(source)) return Errno.EIO;
      if (!zeroBlocks(machine, run.start + i, 1)) return Errno.EIO;
      if (length === blockBytes) continue;
      device.medium.copyOut(source, 0, bytes, 0, blockBytes);
      device.medium.copyIn(run.start + i, 0, bytes.fill(0, offset, offset + length), 0, blockBytes);
    }
    filesystem.assign(inode, logical, Int32Array.from({ length: run.count }, (_, i) => writtenEntry(run.start + i)));
    done += run.count;
  }
  return 0;
}
