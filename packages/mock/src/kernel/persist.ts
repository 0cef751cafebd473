/** Making stores durable: CPU cache-line flushes through the mapping, msync of a range, fdatasync of the file. */
import { Errno, type ByteRange, type CaughtFault, type SystemFailure } from '@safe-pmem/core';
import { HOLE, mappedBlock } from '../filesystem/block-map.js';
import { forEachBlock } from '../hardware/geometry.js';
import type { Inode } from '../filesystem/inode.js';
import type { Machine } from '../machine.js';
import { touchPages } from './mapped-access.js';
import type { Mapping } from './mapping.js';

/**
 * Flushes the cache lines that the bytes touch. A flush of a page that is not present faults like a load. Metadata
 * needs no flush: the fault that made a MAP_SYNC page writable has committed it.
 */
export function flushLines(
  machine: Machine, mapping: Mapping, position: number, length: number,
): CaughtFault | undefined {
  const fault = touchPages(machine, mapping, position, length);
  if (fault === undefined) persistBytes(machine, mapping.inode, position, length);
  return fault;
}

/** msync(MS_SYNC): the bytes and all metadata. Poison in the range does not make it fail. */
export function syncRange(machine: Machine, inode: Inode, position: number, length: number): number {
  if (machine.filesystem.shutDown) return Errno.EIO;
  persistBytes(machine, inode, position, length);
  machine.filesystem.commit();
  return 0;
}

/** fdatasync: every byte of the file and all metadata. */
export function syncFile(machine: Machine, inode: Inode): number {
  if (machine.filesystem.shutDown) return Errno.EIO;
  machine.device.cache.flushOwner(inode.number);
  inode.protect();
  machine.filesystem.commit();
  return 0;
}

/**
 * After a flush of the bytes that has failed the kernel calls their pages clean, and no later flush writes them before
 * they are stored to again (mm/page-writeback.c; fsync(2), errors). EBADF: the file was closed, and no flush was tried.
 * `ranges` undefined: all of the file.
 */
export function dropWriteback(
  machine: Machine, inode: Inode, { errno }: SystemFailure, ranges: readonly ByteRange[] | undefined,
): void {
  if (errno === Errno.EBADF) return;
  const { cache } = machine.device;
  if (ranges === undefined) cache.dropWritebackOf(inode.number);
  for (const { offset, length } of ranges ?? []) {
    forEachBlock(machine.blockBytes, offset, length, (logical) => {
      const entry = inode.map.at(logical);
      if (entry !== HOLE) cache.dropWriteback(mappedBlock(entry));
    });
  }
}

function persistBytes(machine: Machine, inode: Inode, position: number, length: number): void {
  forEachBlock(machine.blockBytes, position, length, (logical, offset, step) => {
    const entry = inode.map.at(logical);
    if (entry !== HOLE) machine.device.cache.flush(mappedBlock(entry), offset, step);
  });
}
