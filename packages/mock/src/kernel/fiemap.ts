/** FIEMAP, and the block that lies under a byte. */
import { Errno, type Extent, type ExtentsOutcome } from '@safe-pmem/core';
import { blocksIn } from '../hardware/geometry.js';
import { extentsOf } from '../filesystem/extents.js';
import type { Inode } from '../filesystem/inode.js';
import type { Machine } from '../machine.js';

/** Extents that hold bytes of the range, cut at block boundaries of the range as the kernel's FIEMAP cuts them. */
export function fiemap(machine: Machine, inode: Inode, position: number, length: number): ExtentsOutcome {
  if (!machine.rules.fiemap) return { failure: { errno: Errno.EOPNOTSUPP, syscall: 'ioctl' } };
  if (machine.filesystem.shutDown) return { failure: { errno: Errno.EIO, syscall: 'ioctl' } };
  const { blockBytes } = machine;
  const first = Math.floor(position / blockBytes);
  const extents = extentsOf(machine.filesystem, inode, first, blocksIn(blockBytes, position + length) - first);
  return {
    extents: extents.map(
      (extent): Extent => ({
        offset: extent.logical * blockBytes,
        length: extent.count * blockBytes,
        physicalOffset: extent.physical * blockBytes,
        unwritten: extent.unwritten,
        shared: extent.shared,
        unmapped: false,
      }),
    ),
  };
}
