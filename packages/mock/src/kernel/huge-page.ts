/**
 * Huge pages: an aligned 2 MiB of a DAX file that lie aligned on the device too, which the kernel maps by one entry of
 * a middle page table. One touch of any page then maps all of them.
 */
import type { ByteRange } from '@safe-pmem/core';
import { HOLE, isUnwritten, mappedBlock } from '../filesystem/block-map.js';
import { BLOCK_BYTES, blocksIn } from '../hardware/geometry.js';
import { HUGE_PAGE_BLOCKS } from '../filesystem/mapped-pages.js';
import type { Machine } from '../machine.js';
import { isCopiedOnWrite, makeWritable } from './blocks.js';
import { trustDiskWithin } from './ext4-unwritten.js';
import type { Mapping } from './mapping.js';
import { presentEntry, ZERO_PAGE } from './page-table.js';

export const HUGE_PAGE_LOG2 = 21;

/**
 * Maps the 2 MiB around `page` for a load or a store, and gives them storage for a store. False if the page has to be
 * mapped by itself: the 2 MiB are not in one piece, a page of them is known to be bad, or one had an entry of its own.
 */
export function mapHugePage(machine: Machine, mapping: Mapping, page: number, access: 'load' | 'store'): boolean {
  const { inode, table } = mapping;
  if (mapping.avoidsHugePages || !machine.rules.badBlockList) return false;
  const first = page - (page % HUGE_PAGE_BLOCKS);
  if (first + HUGE_PAGE_BLOCKS > Math.min(mapping.pages, blocksIn(inode.sizeBytes))) return false;
  if (inode.mappedPages.isSplit(first)) return false;
  if (isEmptyRun(mapping, first)) {
    if (access === 'load') {
      table.setHuge(first, () => ZERO_PAGE);
      inode.mappedPages.addHuge(first, 'zeros');
      return true;
    }
    // Blocks that are converted stay so, also if the 2 MiB turn out not to be in one piece. If zeroing fails, ext4
    // looks all of them up on disk and then maps the page by itself; after a failed pwrite it does not (6.12).
    if (makeWritable(machine, inode, first, HUGE_PAGE_BLOCKS).count < HUGE_PAGE_BLOCKS) {
      trustDiskWithin(machine, inode, first, HUGE_PAGE_BLOCKS);
      return false;
    }
  }
  const block = writtenRun(mapping, first);
  if (block === undefined || machine.device.known.firstSector(block, HUGE_PAGE_BLOCKS) !== undefined) return false;
  if (access === 'store' && isCopiedOnWrite(machine, inode, page)) return false;
  table.setHuge(first, (index) => presentEntry(block + index, access === 'store'));
  inode.mappedPages.addHuge(first, 'data');
  return true;
}

/** True if all of the 2 MiB are one hole, or one extent that was never written, wherever that is on the device. */
function isEmptyRun({ inode }: Mapping, first: number): boolean {
  const begin = inode.map.at(first);
  if (begin !== HOLE && !isUnwritten(begin)) return false;
  for (let i = 1; i < HUGE_PAGE_BLOCKS; i++) {
    const entry = inode.map.at(first + i);
    const follows = isUnwritten(entry) && mappedBlock(entry) === mappedBlock(begin) + i;
    if (begin === HOLE ? entry !== HOLE : !follows) return false;
  }
  return true;
}

/** The first block, if all of the 2 MiB are written and lie on the device as in the file. */
function writtenRun({ inode }: Mapping, first: number): number | undefined {
  const begin = inode.map.at(first);
  const block = mappedBlock(begin);
  if (begin === HOLE || block % HUGE_PAGE_BLOCKS !== 0) return undefined;
  for (let i = 0; i < HUGE_PAGE_BLOCKS; i++) {
    const entry = inode.map.at(first + i);
    if (entry === HOLE || isUnwritten(entry) || mappedBlock(entry) !== block + i) return undefined;
  }
  return block;
}

/** Returns the bytes that one entry of the mapping's page table maps around `page`: that page, or 2 MiB. */
export function mappedAround({ table }: Mapping, page: number): ByteRange {
  if (!table.isHuge(page)) return { offset: page * BLOCK_BYTES, length: BLOCK_BYTES };
  return { offset: (page - (page % HUGE_PAGE_BLOCKS)) * BLOCK_BYTES, length: 2 ** HUGE_PAGE_LOG2 };
}
