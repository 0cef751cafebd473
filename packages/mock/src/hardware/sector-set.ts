/** A sparse set of 512-byte sectors on a device, kept as one byte of flags per 4 KiB. */
import { type ByteRange, coalesce } from '@safe-pmem/core';
import { SECTOR_BYTES } from './geometry.js';

/** Sectors that share one entry of the map: blocks of every size are a whole number of such cells. */
const SECTORS_PER_CELL = 8;
const CELL_BYTES = SECTORS_PER_CELL * SECTOR_BYTES;
const WHOLE_CELL = (1 << SECTORS_PER_CELL) - 1;

export class SectorSet {
  /** By number of the cell: its flags, bit i for sector i. No entry is 0. */
  readonly #masks = new Map<number, number>();
  readonly #blockBytes: number;
  readonly #cellsPerBlock: number;
  readonly #changed: () => void;

  /** `changed` is called after each change. */
  constructor(blockBytes: number, changed: () => void = () => undefined) {
    this.#blockBytes = blockBytes;
    this.#cellsPerBlock = blockBytes / CELL_BYTES;
    this.#changed = changed;
  }

  /** True while no sector at all is in the set: the check that healthy machines pay. */
  get empty(): boolean {
    return this.#masks.size === 0;
  }

  copyFrom(other: SectorSet): void {
    this.#masks.clear();
    for (const [cell, mask] of other.#masks) this.#masks.set(cell, mask);
  }

  /** True if a sector of the block is in the set. */
  has(block: number): boolean {
    return this.firstSector(block, 1) !== undefined;
  }

  /** Adds every sector that `length` bytes from `offset` in the block touch. */
  add(block: number, offset: number, length: number): void {
    this.#changeCells(block, offset, length, (before, mask) => before | mask);
  }

  /** Adds the sectors of the block that `other` has. */
  addBlockOf(block: number, other: SectorSet): void {
    this.#changeCells(block, 0, this.#blockBytes, (before, _mask, cell) => before | (other.#masks.get(cell) ?? 0));
  }

  /** Removes every sector that the bytes touch; calls `removed` with the offset in the block of each that was there. */
  remove(block: number, offset: number, length: number, removed: (offset: number) => void = () => undefined): void {
    this.#changeCells(block, offset, length, (before, mask, cell) => {
      const gone = before & mask;
      const start = cell * CELL_BYTES - block * this.#blockBytes;
      for (let sector = 0; sector < SECTORS_PER_CELL; sector++) {
        if ((gone & (1 << sector)) !== 0) removed(start + sector * SECTOR_BYTES);
      }
      return before & ~mask;
    });
  }

  /** Offset in the block of the first sector in the set that the bytes touch; undefined if none is. */
  firstTouched(block: number, offset: number, length: number): number | undefined {
    let first: number | undefined;
    this.#forEachCell(block, offset, length, (cell, mask) => {
      const hit = (this.#masks.get(cell) ?? 0) & mask;
      if (hit === 0 || first !== undefined) return;
      first = cell * CELL_BYTES - block * this.#blockBytes + lowestBit(hit) * SECTOR_BYTES;
    });
    return first;
  }

  /** First sector in the set among `blockCount` blocks, counted from the start of the first; undefined if none. */
  firstSector(block: number, blockCount: number): number | undefined {
    if (this.#masks.size === 0) return undefined;
    const firstCell = block * this.#cellsPerBlock;
    for (let i = 0; i < blockCount * this.#cellsPerBlock; i++) {
      const mask = this.#masks.get(firstCell + i);
      if (mask !== undefined) return i * SECTORS_PER_CELL + lowestBit(mask);
    }
    return undefined;
  }

  /** Everything in the set, in bytes on the device, sorted and joined. */
  ranges(): ByteRange[] {
    const found: ByteRange[] = [];
    for (const [cell, mask] of this.#masks) {
      for (let sector = 0; sector < SECTORS_PER_CELL; sector++) {
        if ((mask & (1 << sector)) === 0) continue;
        found.push({ offset: cell * CELL_BYTES + sector * SECTOR_BYTES, length: SECTOR_BYTES });
      }
    }
    return coalesce(found);
  }

  /** Gives the cells that the bytes touch the flags that `change` returns. */
  #changeCells(
    block: number, offset: number, length: number, change: (before: number, mask: number, cell: number) => number,
  ): void {
    const changes: [cell: number, mask: number][] = [];
    this.#forEachCell(block, offset, length, (cell, mask) => {
      const before = this.#masks.get(cell) ?? 0;
      const after = change(before, mask, cell);
      if (after !== before) changes.push([cell, after]);
    });
    for (const [cell, mask] of changes) {
      if (mask === 0) this.#masks.delete(cell);
      else this.#masks.set(cell, mask);
    }
    if (changes.length > 0) this.#changed();
  }

  /** Visits the cells that bytes of a block touch, each with the flags of the sectors that they touch in it. */
  #forEachCell(block: number, offset: number, length: number, visit: (cell: number, mask: number) => void): void {
    const start = block * this.#cellsPerBlock;
    const first = Math.floor(offset / SECTOR_BYTES);
    const last = Math.floor((offset + length - 1) / SECTOR_BYTES);
    const lastCell = Math.floor(last / SECTORS_PER_CELL);
    for (let cell = Math.floor(first / SECTORS_PER_CELL); cell <= lastCell; cell++) {
      const low = Math.max(0, first - cell * SECTORS_PER_CELL);
      const high = Math.min(SECTORS_PER_CELL - 1, last - cell * SECTORS_PER_CELL);
      visit(start + cell, WHOLE_CELL & ((2 << high) - (1 << low)));
    }
  }
}

function lowestBit(mask: number): number {
  return 31 - Math.clz32(mask & -mask);
}
