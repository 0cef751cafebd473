/** A file of the simulated filesystem, whatever name it has now. */
import { BlockMap } from './block-map.js';
import { hugePageBlocks } from '../hardware/geometry.js';
import { MappedPages } from './mapped-pages.js';
import { RangeLocks } from './range-locks.js';
import type { PageTable } from '../kernel/page-table.js';

/** The user who runs the programs of the machine, and owns the files that they make. */
export const USER_ID = 1000;

export class Inode {
  readonly map = new BlockMap();
  readonly locks = new RangeLocks();
  /** Every mapping of the file, so that a change of its blocks reaches all of them. */
  readonly mappings = new Set<PageTable>();
  /**
   * Blocks of the file that XFS keeps room for a copy of, shared or not: the next write of one goes to that room. Gone
   * with the inode's place in memory. The room itself is not taken from the free pool here, so nothing is said of a
   * full disk.
   */
  readonly setAside = new Set<number>();
  /** Only of DAX files. */
  readonly mappedPages: MappedPages;
  /** Entries that differ on disk from `map`, on a filesystem that keeps a cache of its extents: see ext4-unwritten. */
  readonly onDisk = new Map<number, number>();
  sizeBytes = 0;
  /** Names that lead to the file (st_nlink). */
  links = 0;
  openCount = 0;
  /** When its bytes were last changed, by the clock of the machine. */
  modifiedMs = 0;
  /** When anything of it was last changed: its bytes, its mark, its names, its times. */
  changedMs = 0;
  /** User who owns the file. */
  ownerId = USER_ID;
  /** The extended attribute that names the journal of the file, or on a journal the journal itself. */
  mark: Uint8Array | undefined;

  /** `bornMs`: when it was made, by the clock of the machine. */
  constructor(readonly number: number, readonly blockBytes: number, readonly bornMs = 0) {
    this.mappedPages = new MappedPages(hugePageBlocks(blockBytes));
  }

  /** Takes over all but who has the file open. */
  copyFrom(other: Inode): void {
    this.map.copyFrom(other.map);
    for (const [logical, entry] of other.onDisk) this.onDisk.set(logical, entry);
    this.sizeBytes = other.sizeBytes;
    this.links = other.links;
    this.modifiedMs = other.modifiedMs;
    this.changedMs = other.changedMs;
    this.ownerId = other.ownerId;
    this.mark = other.mark?.slice();
  }

  /** Forgets what the kernel knew of it besides what is on disk. */
  forgetInMemory(): void {
    this.mappings.clear();
    this.setAside.clear();
    this.mappedPages.forget(0, Infinity);
  }

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

  /** The same of pages whose blocks change. */
  replace(page: number, count: number): void {
    this.invalidate(page, count);
    this.mappedPages.forget(page, count);
  }
}
