/**
 * The views of a machine, which are private mappings: what is stored into the file later shows in them at once, by any
 * call of any process. A page of a view that was stored into is the program's own, and the file changes it no more.
 */
import { HOLE, isUnwritten, mappedBlock } from '../filesystem/block-map.js';
import type { Inode } from '../filesystem/inode.js';
import type { Medium } from '../hardware/medium.js';

/** The array of one view, as a mapping of `inode` from `position` on. */
export class ViewBytes {
  readonly inode: Inode;
  readonly #medium: Medium;
  readonly #position: number;
  /** Weak: a view that its program has forgotten is collected, and then no longer brought up to date. */
  readonly #memory: WeakRef<ArrayBuffer>;
  /** As the file gave them: a page that differs was stored into. */
  readonly #given: Uint8Array;
  /** The page of the file that each block is, and the other way round. */
  readonly #pageOf = new Map<number, number>();
  readonly #blockOf = new Map<number, number>();
  /** Pages that a fault has replaced by zeros. */
  readonly #substituted = new Set<number>();

  constructor(inode: Inode, medium: Medium, position: number, memory: ArrayBuffer) {
    this.inode = inode;
    this.#medium = medium;
    this.#position = position;
    this.#memory = new WeakRef(memory);
    this.#given = new Uint8Array(memory.byteLength);
    for (const page of this.pages()) this.#follow(page);
  }

  get isGone(): boolean {
    return (this.#memory.deref()?.byteLength ?? 0) === 0;
  }

  /** The pages of the file that the view has bytes of. */
  pages(): number[] {
    const { blockBytes } = this.#medium;
    const first = Math.floor(this.#position / blockBytes);
    const end = Math.ceil((this.#position + this.#given.length) / blockBytes);
    return Array.from({ length: end - first }, (_, i) => first + i);
  }

  /** Position in the file of the first byte that the view has of the page. */
  startOf(page: number): number {
    return Math.max(page * this.#medium.blockBytes, this.#position);
  }

  /**
   * Lets `fill` set the bytes of a page from the file, unless the page is the program's own or was substituted. If it
   * returns false they become zeros, and stay that.
   */
  load(page: number, fill: (bytes: Uint8Array, position: number) => boolean): void {
    const part = this.#partOf(page);
    if (part === undefined) return;
    const isLoaded = fill(part.shown, this.startOf(page));
    if (!isLoaded) {
      part.shown.fill(0);
      this.#substituted.add(page);
    }
    part.given.set(part.shown);
  }

  /** Bytes of a block of the device were changed. */
  stored(block: number, offset: number, length: number): void {
    const page = this.#pageOf.get(block);
    const part = page === undefined ? undefined : this.#partOf(page);
    if (page === undefined || part === undefined) return;
    const { blockBytes } = this.#medium;
    // Of the block, what the view has of it.
    const within = this.startOf(page) - page * blockBytes;
    const from = Math.max(offset, within);
    const end = Math.min(offset + length, within + part.shown.length);
    if (from >= end) return;
    this.#medium.copyOut(block, from, part.shown, from - within, end - from);
    part.given.set(part.shown);
  }

  /** The file has other blocks from page `first` on. */
  remapped(first: number, count: number): void {
    for (const page of this.pages()) {
      if (page < first || page >= first + count) continue;
      this.#follow(page);
      const block = this.#blockOf.get(page);
      this.load(page, (bytes, position) => {
        const { blockBytes } = this.#medium;
        if (block === undefined) bytes.fill(0);
        // Poison is met by a load alone: verify() makes one.
        else if (this.#medium.firstPoisoned(block, 0, blockBytes) === undefined) {
          this.#medium.copyOut(block, position % blockBytes, bytes, 0, bytes.length);
        }
        return true;
      });
    }
  }

  #follow(page: number): void {
    const before = this.#blockOf.get(page);
    if (before !== undefined) this.#pageOf.delete(before);
    this.#blockOf.delete(page);
    const entry = this.inode.map.at(page);
    if (entry === HOLE || isUnwritten(entry)) return;
    this.#pageOf.set(mappedBlock(entry), page);
    this.#blockOf.set(page, mappedBlock(entry));
  }

  /** The bytes shown of the page, and those that the file gave; undefined once the page is not the file's any more. */
  #partOf(page: number): { readonly shown: Uint8Array; readonly given: Uint8Array } | undefined {
    const memory = this.#memory.deref();
    if (memory === undefined || this.isGone || this.#substituted.has(page)) return undefined;
    const from = this.startOf(page) - this.#position;
    const length = Math.min((page + 1) * this.#medium.blockBytes - this.startOf(page), this.#given.length - from);
    const shown = new Uint8Array(memory, from, length);
    const given = this.#given.subarray(from, from + length);
    return Buffer.compare(shown, given) === 0 ? { shown, given } : undefined;
  }
}

/** The views of one machine. Nothing is called while there are none. */
export class LiveViews {
  readonly #views = new Set<ViewBytes>();
  readonly #medium: Medium;

  constructor(medium: Medium) {
    this.#medium = medium;
  }

  add(view: ViewBytes): void {
    this.#views.add(view);
    this.#medium.changed = (block, offset, length) => {
      for (const one of this.#living()) one.stored(block, offset, length);
    };
    view.inode.map.changed = (first, count) => {
      for (const one of this.#living()) if (one.inode === view.inode) one.remapped(first, count);
    };
  }

  *#living(): Generator<ViewBytes, undefined> {
    for (const view of this.#views) {
      if (view.isGone) this.#forget(view);
      else yield view;
    }
  }

  #forget(view: ViewBytes): void {
    this.#views.delete(view);
    const isFollowed = [...this.#views].some(({ inode }) => inode === view.inode);
    if (!isFollowed) view.inode.map.changed = undefined;
    if (this.#views.size === 0) this.#medium.changed = undefined;
  }
}
