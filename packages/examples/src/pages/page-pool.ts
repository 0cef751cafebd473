/** The pages of one store: loading leaves and long values from them, and knowing which slots they take. */
import { PmemError } from '@safe-pmem/core';
import { checksumOf, copyOf, keyAfter } from './bytes.js';
import type { Bytes } from './bytes.js';
import { LEAST_GROWTH_SLOTS, PAGE_BYTES } from './format.js';
import { LeafCache } from './leaf-cache.js';
import type { Entries, LeafPage, Value, ValueReference } from './leaf-page.js';
import { decodeLeaf, isReference } from './leaf-page.js';
import type { Leaf, LeafPlace, Node } from './node.js';
import { decodeOverflow, piecesOf } from './overflow-page.js';
import type { PageDamage, PageFiles, PageRead } from './page-files.js';
import { LostKeysError } from './pages-error.js';
import { Retirement } from './retirement.js';
import type { SlotMap } from './slot-map.js';

export class PagePool {
  readonly files: PageFiles;
  readonly storeId: bigint;
  readonly slots: SlotMap;
  readonly keptSlots: number;
  /** Slots of each long value, by the first of them. */
  readonly chains = new Map<number, readonly number[]>();
  readonly cache: LeafCache;
  /** Of what clears have cut off. */
  readonly retirement: Retirement;

  /** @param keptSlots the files are never cut to fewer */
  constructor(files: PageFiles, storeId: bigint, slots: SlotMap, leavesMax: number, keptSlots = 0) {
    this.files = files;
    this.storeId = storeId;
    this.slots = slots;
    this.keptSlots = keptSlots;
    this.cache = new LeafCache(leavesMax);
    this.retirement = new Retirement(slots, this.chains);
  }

  /** The data file's path. */
  get path(): string {
    return this.files.path;
  }

  readLeaf(slot: number): PageRead<LeafPage> {
    return this.files.read(slot, (page) => this.leafOf(page, slot));
  }

  /**
   * Returns the leaf that was stored in this slot; undefined if the bytes are anything else, or a leaf of an older
   * moment.
   */
  leafOf(page: Buffer, slot: number): LeafPage | undefined {
    const leaf = decodeLeaf(page, { storeId: this.storeId, slot });
    return this.#isOfItsTime(leaf, slot) ? leaf : undefined;
  }

  /** True for a page, of whichever kind, that was stored in this slot. */
  isPage(page: Buffer, slot: number): boolean {
    const identity = { storeId: this.storeId, slot };
    return this.leafOf(page, slot) !== undefined || this.#isOfItsTime(decodeOverflow(page, identity), slot);
  }

  #isOfItsTime(page: { readonly generation: number } | undefined, slot: number): boolean {
    const expected = this.slots.generationOf(slot);
    return page !== undefined && (expected === undefined || page.generation === expected);
  }

  /** Returns the entries of a leaf. Throws LostKeysError if no file has its page. */
  load(leaf: Leaf): Entries {
    leaf.used = true;
    if (leaf.entries !== undefined) return leaf.entries;
    const { slot, generation } = leaf.place as LeafPlace;
    const read = this.files.read(slot, (page) => {
      const decoded = decodeLeaf(page, { storeId: this.storeId, slot });
      return decoded?.generation === generation ? decoded : undefined;
    });
    if (read.page === undefined) throw new LostKeysError(this.path, leaf.low, leaf.high, causeOf(read.damage));
    const entries = { keys: read.page.keys, values: read.page.values };
    leaf.entries = entries;
    // It may be the first one to be forgotten.
    this.cache.add(leaf);
    return entries;
  }

  /** Returns a copy of the value. Throws LostKeysError if a piece of it is lost. */
  valueOf(key: Bytes, value: Exclude<Value, undefined>): Bytes {
    if (!isReference(value)) return copyOf(value);
    const pieces: Bytes[] = [];
    for (const page of this.#piecesOf(value)) {
      if (page.page === undefined) throw new LostKeysError(this.path, copyOf(key), keyAfter(key), causeOf(page.damage));
      pieces.push(page.page.piece);
    }
    const bytes = Buffer.concat(pieces);
    if (bytes.length === value.length && checksumOf(bytes) === value.checksum) return bytes;
    const cause = new Error(`the pages from slot ${value.slot} do not hold the value that was stored there`);
    throw new LostKeysError(this.path, copyOf(key), keyAfter(key), cause);
  }

  /** Finds the slots of a long value, as far as its pages can be read, and takes them. */
  discover(reference: ValueReference): void {
    const slots: number[] = [];
    for (const { slot } of this.#piecesOf(reference)) {
      // Pages of two values would be free as soon as one of the two is: only the first to come has them.
      if (slot === 0 || slot >= this.slots.count || this.slots.isUsed(slot)) break;
      slots.push(slot);
    }
    for (const slot of slots) {
      this.slots.use(slot);
      this.slots.setGeneration(slot, reference.generation);
    }
    this.chains.set(reference.slot, slots);
  }

  /** Frees the page of a leaf as soon as no reader of `epoch` or before needs it: the newest tree does not. */
  retirePage({ slot }: LeafPlace, epoch: number): void {
    this.slots.retire([slot], epoch);
  }

  /** Frees so all pages below these nodes. */
  retireBelow(nodes: readonly Node[], epoch: number): void {
    this.retirement.add(nodes, epoch);
  }

  /** Frees so the pages of a long value. */
  retireValue({ slot }: ValueReference, epoch: number): void {
    this.slots.retire(this.chains.get(slot) ?? [], epoch);
  }

  /** Makes the files longer if fewer slots are free than `wanted`. Throws what resize() throws; nothing is lost. */
  async makeRoom(wanted: number): Promise<void> {
    const lacking = wanted - this.slots.freeCount;
    if (lacking <= 0) return;
    const count = this.slots.count + Math.max(lacking, LEAST_GROWTH_SLOTS, Math.floor(this.slots.count / 4));
    for (const { file } of this.files.members) {
      if (file.size < count * PAGE_BYTES) await file.resize(count * PAGE_BYTES, { preallocate: true });
    }
    this.slots.setCount(count);
  }

  /** Shortens the files to the slots in use. If one cannot be shortened, the next checkpoint tries again. */
  async cutOff(): Promise<void> {
    for (const { file } of this.files.members) {
      try {
        if (file.size > this.slots.count * PAGE_BYTES) await file.resize(this.slots.count * PAGE_BYTES);
      } catch (error) {
        if (!(error instanceof PmemError)) throw error;
      }
    }
  }

  *#piecesOf(reference: ValueReference): Generator<PageRead<{ readonly piece: Bytes }> & { readonly slot: number }> {
    const count = piecesOf(reference.length);
    for (let index = 0, slot = reference.slot; index < count; index++) {
      if (slot === 0 || slot >= this.slots.count) {
        yield { page: undefined, damage: [], slot };
        return;
      }
      const identity = { storeId: this.storeId, slot };
      const read = this.files.read(slot, (page) => {
        const piece = decodeOverflow(page, identity);
        return piece?.generation === reference.generation && piece.index === index ? piece : undefined;
      });
      yield { ...read, slot };
      if (read.page === undefined) return;
      slot = read.page.next;
    }
  }
}

/** Returns the reason to name if no file has a page: preferably what the medium did. */
export function causeOf(damage: readonly PageDamage[]): unknown {
  return (damage.find(({ reason }) => reason === 'media' || reason === 'lost') ?? damage[0])?.cause;
}

