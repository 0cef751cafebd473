/**
 * DriverFile.tryZeroRange(): zero-range of one written block of a file without a name (O_TMPFILE), which is gone
 * afterwards.
 */
import { Errno, type SystemFailure, type ZeroRangeTrialOutcome } from '@safe-pmem/core';
import type { Inode } from '../filesystem/inode.js';
import type { Machine } from '../machine.js';
import { zeroRange } from './fallocate.js';
import { fiemap } from './fiemap.js';
import { syncFile } from './persist.js';
import { pread } from './pread.js';
import { pwrite } from './pwrite.js';

/** Anything but zeros. */
const CONTENT = 0xa5;

export function tryZeroRange(machine: Machine): ZeroRangeTrialOutcome {
  if (machine.filesystem.shutDown) return failed(Errno.EIO, 'open');
  const inode = machine.filesystem.createUnnamed();
  try {
    return tryOn(machine, inode);
  } finally {
    inode.openCount--;
    machine.filesystem.freeIfUnused(inode);
  }
}

function tryOn(machine: Machine, inode: Inode): ZeroRangeTrialOutcome {
  const { blockBytes } = machine;
  const block = new Uint8Array(blockBytes).fill(CONTENT);
  const { errno: unwritten } = pwrite(machine, inode, block, 0);
  if (unwritten !== 0) return failed(unwritten, 'pwrite');
  const unsynced = syncFile(machine, inode);
  if (unsynced !== 0) return failed(unsynced, 'fdatasync');
  const before = fiemap(machine, inode, 0, blockBytes);
  if ('failure' in before) return before;
  machine.step('written');
  const refused = zeroRange(machine, inode, 0, blockBytes);
  if (refused !== 0) return failed(refused, 'fallocate');
  const after = fiemap(machine, inode, 0, blockBytes);
  if ('failure' in after) return after;
  const { dax } = machine.mount;
  return { dax, before: before.extents, after: after.extents, readsZeros: readsZeros(machine, inode, block) };
}

function readsZeros(machine: Machine, inode: Inode, block: Uint8Array): boolean {
  const { errno, transferredBytes } = pread(machine, inode, block, 0);
  return errno === 0 && transferredBytes === block.length && block.every((byte) => byte === 0);
}

function failed(errno: number, syscall: string): { readonly failure: SystemFailure } {
  return { failure: { errno, syscall } };
}
