/**
 * What the kernel maps by one entry of a middle page table: an aligned 2 MiB of a DAX file that lie so on the device
 * too.
 */
import { isUnwritten, mappedBlock } from '../filesystem/block-map.js';
import { BLOCK_BYTES } from '../hardware/geometry.js';
import type { Machine } from '../machine.js';
import type { Mapping } from './mapping.js';

export const HUGE_PAGE_LOG2 = 21;
const HUGE_PAGE_BLOCKS = 2 ** HUGE_PAGE_LOG2 / BLOCK_BYTES;

/** The first page of the 2 MiB around `page`, if one entry maps them; undefined if each page has its own. */
export function hugePageAround(machine: Machine, { inode, avoidsHugePages }: Mapping, page: number): number | undefined {
  if (avoidsHugePages || !machine.rules.badBlockList) return undefined;
  const first = page - (page % HUGE_PAGE_BLOCKS);
  const begin = inode.map.at(first);
  if (mappedBlock(begin) % HUGE_PAGE_BLOCKS !== 0 || (first + HUGE_PAGE_BLOCKS) * BLOCK_BYTES > inode.sizeBytes) return undefined;
  for (let i = 0; i < HUGE_PAGE_BLOCKS; i++) {
    const entry = inode.map.at(first + i);
    // HOLE is block -1 to mappedBlock().
    if (isUnwritten(entry) || mappedBlock(entry) !== mappedBlock(begin) + i) return undefined;
  }
  return first;
}
