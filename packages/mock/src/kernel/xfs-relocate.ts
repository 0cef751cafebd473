/**
 * XFS relocates blocks: its ZERO_RANGE punches the whole blocks of the range out and allocates others. So a poisoned
 * block leaves its file uncleared, and is free for the next one. For ext4 see ext4-unwritten.ts.
 */
import type { Inode } from '../filesystem/inode.js';
import type { Machine } from '../machine.js';
import { type Cover, zeroEdges } from './cover.js';

/** XFS: the old blocks go back to the free pool, poison and all; other ones take their place. */
export function relocate(machine: Machine, inode: Inode, cover: Cover): number {
  machine.filesystem.assignHoles(inode, cover.first, cover.count);
  machine.step('freed');
  return zeroEdges(machine, inode, cover);
}
