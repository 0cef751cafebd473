/** A file of the simulated filesystem, whatever name it has now. */
import { BlockMap } from './block-map.js';
import { RangeLocks } from './range-locks.js';
import type { PageTable } from './page-table.js';

export class Inode {
  readonly map = new BlockMap();
  readonly locks = new RangeLocks();
  /** Every mapping of the file, so that a change of its blocks reaches all of them. */
  readonly mappings = new Set<PageTable>();
  /** Entries that differ on disk from `map`, on a filesystem that keeps a cache of its extents: see ext4-unwritten. */
  readonly onDisk = new Map<number, number>();
  sizeBytes = 0;
  /** Names that lead to the file (st_nlink). */
  links = 0;
  openCount = 0;

  constructor(readonly number: number) {}

  diskEntry(logical: number): number {
    return this.onDisk.get(logical) ?? this.map.at(logical);
  }

  /** Write-protects every page, as writing them back does: the next store asks the kernel again. */
  protect(): void {
    for (const table of this.mappings) table.protect();
  }

  /** Makes pages of the file absent in every mapping. */
  invalidate(page: number, count: number): void {
    for (const table of this.mappings) table.invalidate(page, count);
  }
}
