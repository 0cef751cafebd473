/**
 * Names, inodes, and the owner of each block. Knows nothing of poison or of kernel versions; the system calls in
 * kernel/ decide what happens and record it here. Every change can be undone until it is committed.
 */
import { Errno } from '@safe-pmem/core';
import { unwrittenEntry } from './block-map.js';
import { BlockOwners } from './block-owners.js';
import { forEachRun } from './extents.js';
import { type BlockRun, FreePool } from './free-pool.js';
import { Inode } from './inode.js';
import { MetadataLog } from './metadata-log.js';

/** Chooses the place of a block of a file; undefined leaves the choice to the allocator. */
export type BlockPlacement = (inode: Inode, logical: number) => number | undefined;

export class Filesystem {
  readonly pool: FreePool;
  readonly log = new MetadataLog();
  /** XFS gave up after an error it could not undo: only a crash (and so a new mount) ends that. */
  shutDown = false;
  /** Blocks that files may own together before they get EDQUOT; statfs does not show it. */
  quotaBlocks = Infinity;
  /** The time that new files are stamped with, in milliseconds since 1970. */
  clock: () => number = () => 0;
  readonly #names = new Map<string, Inode>();
  readonly #owners: BlockOwners;
  /** Directories that exist though no file is in them. */
  readonly #directories = new Set<string>();
  readonly #orphans = new Set<Inode>();
  readonly #blockCount: number;
  #nextInode = 129;

  constructor(
    private readonly blockBytes: number,
    firstBlock: number,
    blockCount: number,
    /** Free blocks that no file can get. */
    private readonly spareBlocks = 0,
    private readonly placement?: BlockPlacement,
  ) {
    this.pool = new FreePool(blockBytes, firstBlock, blockCount);
    this.#blockCount = blockCount;
    this.#owners = new BlockOwners(this.pool);
  }

  /**
   * Takes over the files of a filesystem of the same size, with none of them open. Files that have no name any more are
   * gone. Nothing of it can be undone.
   */
  copyFrom(other: Filesystem): void {
    this.pool.copyFrom(other.pool);
    this.#owners.copyFrom(other.#owners);
    this.shutDown = other.shutDown;
    this.quotaBlocks = other.quotaBlocks;
    this.#nextInode = other.#nextInode;
    for (const directory of other.#directories) this.#directories.add(directory);
    const copies = new Map<Inode, Inode>();
    for (const inode of [...other.#names.values(), ...other.#orphans]) {
      if (copies.has(inode)) continue;
      const copy = new Inode(inode.number, this.blockBytes, inode.bornMs);
      copy.copyFrom(inode);
      copies.set(inode, copy);
      if (copy.links === 0) this.freeIfUnused(copy);
    }
    for (const [path, inode] of other.#names) this.#names.set(path, copies.get(inode) as Inode);
    this.commit();
  }

  /** Every file that has a name or is open. */
  inodes(): Set<Inode> {
    return new Set([...this.#names.values(), ...this.#orphans]);
  }

  find(path: string): Inode | undefined {
    return this.#names.get(path);
  }

  pathOf(inode: Inode): string | undefined {
    for (const [path, named] of this.#names) if (named === inode) return path;
    return undefined;
  }

  paths(): string[] {
    return [...this.#names.keys()].sort();
  }

  isDirectory(path: string): boolean {
    const prefix = path === '/' ? '/' : `${path}/`;
    return path === '/' || this.#directories.has(path) || [...this.#names.keys()].some((name) => name.startsWith(prefix));
  }

  makeDirectory(path: string): void {
    this.#directories.add(path);
  }

  create(path: string): Inode {
    const inode = new Inode(this.#nextInode++, this.blockBytes, this.clock());
    this.link(inode, path);
    return inode;
  }

  /** A file without a name, open once: it is gone when that ends (O_TMPFILE). */
  createUnnamed(): Inode {
    const inode = new Inode(this.#nextInode++, this.blockBytes, this.clock());
    inode.openCount = 1;
    this.#orphans.add(inode);
    return inode;
  }

  /** Gives the file one more name, which no file has. */
  link(inode: Inode, path: string): void {
    this.#names.set(path, inode);
    inode.links++;
    this.log.record(inode.number, () => {
      this.#names.delete(path);
      inode.links--;
    });
  }

  /**
   * Gives the file at `from` the name `to`, in one step; the file that had it loses that name. Two names of one file stay
   * as they are, as rename(2) has it.
   */
  rename(from: string, to: string): void {
    const moved = this.#names.get(from);
    if (moved === undefined) throw new RangeError(`no file '${from}' to rename`);
    if (this.#names.get(to) === moved) return;
    this.log.atomically(moved.number, () => {
      this.unlink(to);
      this.#names.delete(from);
      this.#names.set(to, moved);
      this.log.record(moved.number, () => {
        this.#names.delete(to);
        this.#names.set(from, moved);
      });
    });
  }

  /** Removes the name; the blocks are freed once the file has no other name and is not open. */
  unlink(path: string): void {
    const inode = this.#names.get(path);
    if (inode === undefined) return;
    this.log.atomically(inode.number, () => {
      this.#names.delete(path);
      inode.links--;
      this.log.record(inode.number, () => {
        inode.links++;
        this.#orphans.delete(inode);
        this.#names.set(path, inode);
      });
      this.freeIfUnused(inode);
    });
  }

  /** Frees the blocks of a file without a name, unless it is still open. */
  freeIfUnused(inode: Inode): void {
    if (inode.links > 0) return;
    if (inode.openCount > 0) {
      this.#orphans.add(inode);
      return;
    }
    this.log.atomically(inode.number, () => {
      // If power loss takes that back, the next mount finds a file without a name.
      this.log.record(inode.number, () => this.#orphans.add(inode));
      this.#orphans.delete(inode);
      this.assignHoles(inode, 0, inode.map.endBlock);
    });
  }

  /**
   * Loses power and mounts again: the first `keptChanges` of the metadata operations that were not durable happened,
   * the later ones did not, and files without a name are gone.
   */
  remount(keptChanges: number): void {
    this.log.keep(keptChanges);
    this.shutDown = false;
    for (const inode of this.inodes()) {
      inode.openCount = 0;
      inode.forgetInMemory();
      inode.locks.clear();
      for (const [logical, entry] of inode.onDisk) inode.map.set(logical, Int32Array.of(entry));
      inode.onDisk.clear();
    }
    for (const inode of this.#orphans) this.freeIfUnused(inode);
    this.commit();
  }

  /** Forgets every file, as a filesystem in RAM does when power is lost. */
  removeAll(): void {
    for (const path of this.paths()) this.unlink(path);
  }

  /** Sets or removes the mark of the file. */
  setMark(inode: Inode, mark: Uint8Array | undefined): void {
    const before = inode.mark;
    inode.mark = mark;
    this.log.record(inode.number, () => {
      inode.mark = before;
    });
  }

  /** Returns the number of names that lead to the file. */
  linkCount(inode: Inode): number {
    return [...this.#names.values()].filter((named) => named === inode).length;
  }

  setSize(inode: Inode, sizeBytes: number): void {
    const before = inode.sizeBytes;
    if (before === sizeBytes) return;
    inode.sizeBytes = sizeBytes;
    this.log.record(inode.number, () => {
      inode.sizeBytes = before;
    });
  }

  /**
   * Gives holes of the file unwritten blocks: up to `count` adjoining ones from `logical`, as many as the lowest free
   * run has. Returns undefined if the filesystem is full.
   */
  allocate(inode: Inode, logical: number, count: number): BlockRun | undefined {
    const run = this.reserve(inode, logical, count);
    if (run === undefined) return undefined;
    this.assign(inode, logical, Int32Array.from({ length: run.count }, (_, i) => unwrittenEntry(run.start + i)));
    return run;
  }

  /** The run that the file would get for `count` blocks from `logical`, still free; undefined if the filesystem is full. */
  reserve(inode: Inode, logical: number, count: number): BlockRun | undefined {
    const available = Math.min(count, this.availableBlocks);
    if (available === 0) return undefined;
    return this.#placedRun(inode, logical, available) ?? this.#lowestRun(inode, available);
  }

  /** Free blocks that files can get. */
  get availableBlocks(): number {
    return Math.max(0, Math.min(this.pool.freeBytes / this.blockBytes - this.spareBlocks, this.#quotaLeft));
  }

  /** Blocks that files own now. */
  get usedBlocks(): number {
    return this.#blockCount - this.pool.freeBytes / this.blockBytes;
  }

  /** Why reserve() and allocate() had no block to give. */
  get noSpaceErrno(): number {
    return this.#quotaLeft <= 0 ? Errno.EDQUOT : Errno.ENOSPC;
  }

  get #quotaLeft(): number {
    return this.quotaBlocks - this.usedBlocks;
  }

  #lowestRun(inode: Inode, count: number): BlockRun | undefined {
    if (this.pool.waitsFor(inode.number)) {
      this.log.commit();
      this.pool.commit(inode.number);
    }
    const run = this.pool.lowest(count);
    if (run !== undefined || !this.pool.waitsFor()) return run;
    this.commit();
    return this.pool.lowest(count);
  }

  /** The run that `placement` asks for, as far as it is free. */
  #placedRun(inode: Inode, logical: number, limit: number): BlockRun | undefined {
    const start = this.placement?.(inode, logical);
    if (start === undefined) return undefined;
    let count = 1;
    while (count < limit && this.placement?.(inode, logical + count) === start + count) count++;
    const run = this.pool.at(start, count);
    // A block that waits for a commit belongs to no file before that commit.
    if (run !== undefined && this.pool.waitsFor()) this.commit();
    return run;
  }

  assignHoles(inode: Inode, logical: number, count: number): void {
    const first = inode.map.nextMapped(logical, logical + count);
    if (first === undefined) return;
    const end = Math.min(logical + count, inode.map.endBlock);
    this.assign(inode, first, new Int32Array(end - first));
  }

  /** Changes entries of the file's map, moves block ownership along, and drops the pages from every mapping. */
  assign(inode: Inode, logical: number, entries: Int32Array): void {
    this.reclassify(inode, logical, entries);
    inode.replace(logical, entries.length);
  }

  /** Does what assign() does, if no page of a mapping has to follow: the blocks stay, and what they read as, too. */
  reclassify(inode: Inode, logical: number, entries: Int32Array): void {
    const before = inode.map.slice(logical, entries.length);
    for (const at of [...inode.onDisk.keys()]) {
      if (at >= logical && at < logical + entries.length) this.setOnDisk(inode, at, undefined);
    }
    this.#replace(inode, logical, before, entries);
    this.log.record(inode.number, () => {
      this.#replace(inode, logical, entries, before);
    });
  }

  /** Records that the disk has another entry than the file's map; undefined if it no longer has. */
  setOnDisk(inode: Inode, logical: number, entry: number | undefined): void {
    const before = inode.onDisk.get(logical);
    const change = (value: number | undefined): void => {
      if (value === undefined) inode.onDisk.delete(logical);
      else inode.onDisk.set(logical, value);
    };
    change(entry);
    this.log.record(inode.number, () => {
      change(before);
    });
  }

  isOwned(block: number): boolean {
    return this.#owners.of(block) > 0;
  }

  isShared(block: number): boolean {
    return this.#owners.of(block) > 1;
  }

  commit(): void {
    this.log.commit();
    this.pool.commit();
  }

  #replace(inode: Inode, logical: number, before: Int32Array, after: Int32Array): void {
    forEachRun(before, after, (run) => {
      this.#owners.remove(run, inode.number);
    });
    forEachRun(after, before, (run) => {
      this.#owners.add(run);
    });
    inode.map.set(logical, after);
  }
}
