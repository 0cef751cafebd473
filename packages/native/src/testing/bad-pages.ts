import type { ByteRange } from '@safe-pmem/core';

/** The pages of one file that the pretended medium cannot give back. */
export class BadPages {
  readonly #pageBytes: number;
  readonly #pages = new Set<number>();

  constructor(pageBytes: number) {
    this.#pageBytes = pageBytes;
  }

  get pageBytes(): number {
    return this.#pageBytes;
  }

  get isEmpty(): boolean {
    return this.#pages.size === 0;
  }

  /** Whole pages, in order. */
  ranges(): ByteRange[] {
    const pages = [...this.#pages].sort((a, b) => a - b);
    return pages.map((page) => ({ offset: page * this.#pageBytes, length: this.#pageBytes }));
  }

  add({ offset, length }: ByteRange): void {
    for (const page of this.#touched(offset, length)) this.#pages.add(page);
  }

  /** Drops the pages that were written whole. */
  cleared(offset: number, length: number): void {
    for (const page of this.#touched(offset, length)) {
      if (this.#covers(offset, length, page)) this.#pages.delete(page);
    }
  }

  /** The first byte of [offset, offset + length) in a bad page; the end if there is none. */
  firstBad(offset: number, length: number): number {
    for (const page of this.#touched(offset, length)) {
      if (this.#pages.has(page)) return Math.max(offset, page * this.#pageBytes);
    }
    return offset + length;
  }

  /** The same for a write, to which a page that it covers whole is not bad: it clears it. */
  firstNotCovered(offset: number, length: number): number {
    for (const page of this.#touched(offset, length)) {
      if (this.#pages.has(page) && !this.#covers(offset, length, page)) return Math.max(offset, page * this.#pageBytes);
    }
    return offset + length;
  }

  #covers(offset: number, length: number, page: number): boolean {
    return offset <= page * this.#pageBytes && offset + length >= (page + 1) * this.#pageBytes;
  }

  #touched(offset: number, length: number): number[] {
    if (length <= 0) return [];
    const first = Math.floor(offset / this.#pageBytes);
    return Array.from({ length: Math.floor((offset + length - 1) / this.#pageBytes) - first + 1 }, (_, i) => first + i);
  }
}
