/** Cuts the map of a file into extents: blocks that adjoin in the file and on the device. */
import { HOLE, isUnwritten, mappedBlock } from './block-map.js';
import type { BlockRun } from './free-pool.js';
import type { Inode } from './inode.js';

/** Blocks of an extent: adjoining in the file and on the device, all in the same state. */
export interface BlockExtent {
  readonly logical: number;
  readonly count: number;
  readonly physical: number;
  readonly unwritten: boolean;
  readonly shared: boolean;
}

/** Tells of each block whether several files own it. */
interface Sharing {
  isShared(block: number): boolean;
}

/** Returns the extents that hold at least one of `count` blocks from `logical`, clipped to these blocks. */
export function extentsOf(sharing: Sharing, inode: Inode, logical: number, count: number): BlockExtent[] {
  const found: BlockExtent[] = [];
  const end = logical + count;
  for (let at = inode.map.nextMapped(logical, end); at !== undefined; ) {
    const length = unsharedExtentLength(sharing, inode, at, end - at);
    const entry = inode.map.at(at);
    const physical = mappedBlock(entry);
    found.push({
      logical: at,
      count: length,
      physical,
      unwritten: isUnwritten(entry),
      shared: sharing.isShared(physical),
    });
    at = inode.map.nextMapped(at + length, end);
  }
  return found;
}

/** Counts the blocks from `logical`, at most `limit`, that one extent (or hole) holds. */
export function extentLength(inode: Inode, logical: number, limit: number): number {
  return lengthWhile(inode, logical, limit, () => true);
}

/** Does what extentLength() does, for FIEMAP and writes: an extent ends where sharing begins or ends. */
export function unsharedExtentLength(sharing: Sharing, inode: Inode, logical: number, limit: number): number {
  const first = inode.map.at(logical);
  const shared = first !== HOLE && sharing.isShared(mappedBlock(first));
  return lengthWhile(inode, logical, limit, (entry) => sharing.isShared(mappedBlock(entry)) === shared);
}

function lengthWhile(inode: Inode, logical: number, limit: number, isAlike: (entry: number) => boolean): number {
  const first = inode.map.at(logical);
  if (first === HOLE) return (inode.map.nextMapped(logical, logical + limit) ?? logical + limit) - logical;
  const step = isUnwritten(first) ? -1 : 1;
  let length = 1;
  while (length < limit) {
    const entry = inode.map.at(logical + length);
    if (entry !== first + step * length || !isAlike(entry)) break;
    length++;
  }
  return length;
}

/** Visits runs of adjoining blocks that `entries` has and `others`, entry by entry, does not. */
export function forEachRun(entries: Int32Array, others: Int32Array, visit: (run: BlockRun) => void): void {
  let start = 0;
  let count = 0;
  entries.forEach((entry, i) => {
    if (entry === HOLE || Math.abs(entry) === Math.abs(others[i] ?? HOLE)) return;
    const block = mappedBlock(entry);
    if (count > 0 && block === start + count) {
      count++;
      return;
    }
    if (count > 0) visit({ start, count });
    start = block;
    count = 1;
  });
  if (count > 0) visit({ start, count });
}
