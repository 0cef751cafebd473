/** A sparse set of 512-byte sectors on a device, kept as one byte of flags per 4 KiB block. */
import { type ByteRange, coalesce } from '@safe-pmem/core';
import { BLOCK_BYTES, SECTOR_BYTES } from './geometry.js';

const SECTORS_PER_BLOCK = BLOCK_BYTES / SECTOR_BYTES;

export class SectorSet {
  readonly #masks = new Map<number, number>();
  readonly #changed: () => void;

  /** `changed` is called after each change. */
  constructor(changed: () => void = () => undefined) {
    this.#changed = changed;
  }

  /** True while no sector at all is in the set: the check that healthy machines pay. */
  get empty(): boolean {
    return this.#masks.size === 0;
  }

  copyFrom(other: SectorSet): void {
    this.#masks.clear();
    for (const [block, mask] of other.#masks) this.#masks.set(block, mask);
  }

  /** Flags of the block's sectors, bit i for sector i. */
  maskOf(block: number): number {
    return this.#masks.get(block) ?? 0;
  }

  add(block: number, mask: number): void {
    const before = this.maskOf(block);
    const joined = before | mask;
    if (joined === before) return;
    this.#masks.set(block, joined);
    this.#changed();
  }

  remove(block: number, mask: number): void {
    const before = this.maskOf(block);
    const rest = before & ~mask;
    if (rest === before) return;
    if (rest === 0) this.#masks.delete(block);
    else this.#masks.set(block, rest);
    this.#changed();
  }

  /** First sector in the set among `blockCount` blocks, counted from the start of the first; undefined if none. */
  firstSector(block: number, blockCount: number): number | undefined {
    if (this.#masks.size === 0) return undefined;
    for (let i = 0; i < blockCount; i++) {
      const mask = this.#masks.get(block + i);
      if (mask !== undefined) return i * SECTORS_PER_BLOCK + Math.log2(mask & -mask);
    }
    return undefined;
  }

  /** Everything in the set, in bytes on the device, sorted and joined. */
  ranges(): ByteRange[] {
    const found: ByteRange[] = [];
    for (const [block, mask] of this.#masks) {
      for (let sector = 0; sector < SECTORS_PER_BLOCK; sector++) {
        if ((mask & (1 << sector)) === 0) continue;
        found.push({ offset: block * BLOCK_BYTES + sector * SECTOR_BYTES, length: SECTOR_BYTES });
      }
    }
    return coalesce(found);
  }
}
