/** The block device: medium, CPU cache and the kernel's bad-block list, and what the kernel does across the three. */
import { CpuCache } from './cpu-cache.js';
import { KernelOops } from '../kernel/kernel-oops.js';
import { Medium } from './medium.js';
import type { Random } from '../random.js';
import { SectorSet } from './sector-set.js';

/** The kernel's reaction to an access that consumed an error in a block: list it, unmap it, or neither. */
export type ConsumedErrors = 'listed' | 'held back' | 'forgotten';

export class Device {
  readonly medium: Medium;
  readonly cache: CpuCache;
  /** Sectors that the kernel knows to be bad: its list, or on tmpfs the pages it has marked. */
  readonly known: SectorSet;
  /** True if the device clears poison when it is asked to. */
  readonly clearable: boolean;
  readonly #consumedErrors: ConsumedErrors;
  /** Blocks that are out of the kernel's own memory map. Programs may still have them mapped. */
  readonly #heldBack = new Set<number>();
  /** Those of them that no clear brings back: a program has met the error through 2 MiB. */
  readonly #heldForGood = new Set<number>();

  /** `listChanged` is called after each change of `known`. */
  constructor(
    readonly blockBytes: number, blockCount: number, clearable: boolean, random: Random, staleByte: number,
    listChanged: () => void, consumedErrors: ConsumedErrors = 'listed',
  ) {
    this.#consumedErrors = consumedErrors;
    this.known = new SectorSet(blockBytes, listChanged);
    this.medium = new Medium(blockBytes, blockCount, random, staleByte);
    this.cache = new CpuCache(this.medium);
    this.clearable = clearable;
  }

  isKnownBad(block: number): boolean {
    return this.known.has(block);
  }

  /** System calls cannot read or write the block, and the list does not say why. */
  isHeldBack(block: number): boolean {
    return (this.#heldBack.has(block) || this.#heldForGood.has(block)) && !this.isKnownBad(block);
  }

  /**
   * Holds the block back until the next restart, whatever clears it: the kernel has marked another page than it asks
   * about.
   */
  neverGiveBack(block: number): void {
    this.#heldForGood.add(block);
  }

  /** A restart maps everything again, and knows nothing of what was met. */
  restart(): void {
    this.#heldBack.clear();
    this.#heldForGood.clear();
  }

  /** Stores bytes; they are volatile until persisted. */
  store(block: number, offset: number, source: Uint8Array, from: number, length: number, owner: number): void {
    this.cache.beforeStore(block, offset, length, owner);
    this.medium.copyIn(block, offset, source, from, length);
  }

  storeZeros(block: number, offset: number, length: number, owner: number): void {
    this.#requireMapped(block);
    this.cache.beforeStore(block, offset, length, owner);
    this.medium.fillZeros(block, offset, length);
  }

  /**
   * Asks the device to clear the block, if the kernel knows poison in it: all of the length that is being written, so
   * that sectors that no access has met yet are cleared along (drivers/nvdimm/pmem.c). Returns false if it cannot. The
   * cleared bytes are arbitrary, durably, until the kernel writes them.
   */
  clearKnown(block: number): boolean {
    if (!this.isKnownBad(block)) return true;
    if (!this.clearable) return false;
    this.medium.clear(block, 0, this.blockBytes);
    this.#heldBack.delete(block);
    this.known.remove(block, 0, this.blockBytes);
    this.cache.persist(block, 0, this.blockBytes);
    return true;
  }

  /**
   * Zeroes a block through the block layer: clears it first if need be, durable at once. Returns false if it cannot.
   */
  writeZeros(block: number): boolean {
    if (!this.clearKnown(block)) return false;
    this.#requireMapped(block);
    this.medium.fillZeros(block, 0, this.blockBytes);
    this.cache.persist(block, 0, this.blockBytes);
    return true;
  }

  /**
   * Returns the first byte of these that the medium cannot give back and the kernel has not listed yet, as offset in
   * the block. The touch tells the kernel, so the sector is listed on return.
   */
  touchLatent(block: number, offset: number, length: number): number | undefined {
    if (this.medium.poison.empty) return undefined;
    const at = this.medium.firstPoisoned(block, offset, length);
    if (at === undefined || this.isKnownBad(block)) return undefined;
    if (this.#consumedErrors === 'listed') this.known.addBlockOf(block, this.medium.poison);
    else if (this.#consumedErrors === 'held back') this.#heldBack.add(block);
    return at;
  }

  /**
   * Throws KernelOops if the kernel would zero a block that it holds back: it does so through its own memory map, where
   * it expects no fault.
   */
  #requireMapped(block: number): void {
    if (this.isHeldBack(block)) throw new KernelOops(`the kernel zeroed block ${block}, which it holds back`);
  }
}
