/**
 * Huge pages: an aligned 2 MiB of a DAX file that lie aligned on the device too, which the kernel maps by one entry of
 * a middle page table. One touch of any page then maps all of them.
 */
import type { ByteRange } from '@safe-pmem/core';
import { HOLE, isUnwritten, mappedBlock } from '../filesystem/block-map.js';
import { blocksIn, hugePageBlocks } from '../hardware/geometry.js';
import type { Machine } from '../machine.js';
import { isCopiedOnWrite, makeWritable } from './blocks.js';
import { trustDiskWithin } from './ext4-unwritten.js';
import type { Mapping } from './mapping.js';
import { presentEntry, ZERO_PAGE } from './page-table.js';

/**
 * Maps the 2 MiB around `page` for a load or a store, and gives them storage for a store. False if the page has to be
 * mapped by itself: the 2 MiB are not in one piece, a page of them is known to be bad, or one had an entry of its own.
 */
export function mapHugePage(machine: Machine, mapping: Mapping, page: number, access: 'load' | 'store'): boolean {
  const { inode, table } = mapping;
  if (mapping.avoidsHugePages || !machine.rules.badBlockList) return false;
  const { blockBytes } = machine;
  const count = hugePageBlocks(blockBytes);
  const first = page - (page % count);
  if (first + count > Math.min(mapping.pages, blocksIn(blockBytes, inode.sizeBytes))) return false;
  if (inode.mappedPages.isSplit(first)) return false;
  if (isEmptyRun(mapping, first, count)) {
    if (access === 'load') {
      table.setHuge(first, () => ZERO_PAGE);
      inode.mappedPages.addHuge(first, 'zeros');
      return true;
    }
    // Blocks that are converted stay so, also if the 2 MiB turn out not to be in one piece. If zeroing fails, ext4
    // looks all of them up on disk and then maps the page by itself; after a failed pwrite it does not (6.12).
    if (makeWritable(machine, inode, first, count).count < count) {
      trustDiskWithin(machine, inode, first, count);
      return false;
    }
  }
  const block = writtenRun(mapping, first, count);
  if (block === undefined || machine.device.known.firstSector(block, count) !== undefined) return false;
  if (access === 'store' && isCopiedOnWrite(machine, inode, page)) return false;
  table.setHuge(first, (index) => presentEntry(block + index, access === 'store'));
  inode.mappedPages.addHuge(first, 'data');
  return true;
}

/** True if all of the 2 MiB are one hole, or one extent that was never written, wherever that is on the device. */
function isEmptyRun({ inode }: Mapping, first: number, count: number): boolean {
  const begin = inode.map.at(first);
  if (begin !== HOLE && !isUnwritten(begin)) return false;
  for (let i = 1; i < count; i++) {
    const entry = inode.map.at(first + i);
    const follows = isUnwritten(entry) && mappedBlock(entry) === mappedBlock(begin) + i;
    if (begin === HOLE ? entry !== HOLE : !follows) return false;
  }
  return true;
}

/** The first block, if all of the 2 MiB are written and lie on the device as in the file. */
function writtenRun({ inode }: Mapping, first: number, count: number): number | undefined {
  const begin = inode.map.at(first);
  const block = mappedBlock(begin);
  if (begin === HOLE || block % count !== 0) return undefined;
  for (let i = 0; i < count; i++) {
    const entry = inode.map.at(first + i);
    if (entry === HOLE || isUnwritten(entry) || mappedBlock(entry) !== block + i) return undefined;
  }
  return block;
}

/** Returns the bytes that one entry of the mapping's page table maps around `page`: that page, or 2 MiB. */
export function mappedAround({ inode, table }: Mapping, page: number): ByteRange {
  const { blockBytes } = inode;
  if (!table.isHuge(page)) return { offset: page * blockBytes, length: blockBytes };
  const count = hugePageBlocks(blockBytes);
  return { offset: (page - (page % count)) * blockBytes, length: count * blockBytes };
}
