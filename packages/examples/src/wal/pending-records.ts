/** Records between append() and commit(): where they will go, and whether there is room for them. */
import { PAGE_BYTES } from './format.js';
import type { Layout, PendingRecord, Tail } from './layout.js';
import { endAfter, layOut } from './layout.js';
import type { Ring } from './ring.js';
import { lastPageBefore } from './ring.js';
import { WalError } from './wal-error.js';

export class PendingRecords {
  readonly #ring: Ring;
  readonly #path: string;
  #records: PendingRecord[] = [];
  #start: number;
  #end: number;
  #tail: Tail | undefined;
  #unusable: ReadonlySet<number> = new Set();

  /** @param start where the next record goes @param tail the page that it goes into, where that is begun */
  constructor(ring: Ring, path: string, start: number, tail: Tail | undefined) {
    this.#ring = ring;
    this.#path = path;
    this.#start = start;
    this.#end = start;
    this.#tail = tail;
  }

  get count(): number {
    return this.#records.length;
  }

  /** Where the first of them goes, or would go: the end of the log. */
  get start(): number {
    return this.#start;
  }

  get tail(): Tail | undefined {
    return this.#tail;
  }

  /** File positions of pages that take no stores. */
  get unusable(): readonly number[] {
    return [...this.#unusable];
  }

  /** Takes a copy. Throws ERR_WAL_TOO_LARGE or ERR_WAL_FULL with nothing changed. */
  add(sequence: number, payload: Uint8Array, headPage: number): void {
    if (lastPageBefore(endAfter(0, payload.length, () => true)) >= this.#ring.dataPages) {
      const what = `a record of ${payload.length} bytes never fits into ${this.#ring.dataPages} pages`;
      throw new WalError('ERR_WAL_TOO_LARGE', this.#path, what);
    }
    const end = this.#endAfter(this.#end, payload.length);
    this.#requireRoom(headPage, end);
    this.#records.push({ sequence, payload: payload.slice() });
    this.#end = end;
  }

  /** Where everything goes. Throws ERR_WAL_FULL where pages have become unusable since add(). */
  layOut(logId: bigint, headPage: number): Layout {
    this.#requireRoom(headPage, this.#end);
    return layOut(this.#records, this.#start, this.#tail, logId, this.#isUsable);
  }

  /** The layout is committed: the next record goes behind it. */
  settle(layout: Layout): void {
    this.#tail = layout.endOffset % PAGE_BYTES === 0 ? undefined : layout.writes.at(-1);
    this.#start = layout.endOffset;
    this.clear();
  }

  clear(): void {
    this.#records = [];
    this.#end = this.#start;
  }

  /** Takes note of the pages, by file position, that the records must be laid out around. */
  setUnusable(positions: readonly number[]): void {
    this.#unusable = new Set(positions);
    this.#end = this.#start;
    for (const { payload } of this.#records) this.#end = this.#endAfter(this.#end, payload.length);
  }

  readonly #isUsable = (pageNumber: number): boolean => !this.#unusable.has(this.#ring.positionOf(pageNumber));

  #endAfter(endOffset: number, recordBytes: number): number {
    // With every page unusable the layout would look for one for ever.
    if (this.#unusable.size >= this.#ring.dataPages) return Number.POSITIVE_INFINITY;
    return endAfter(endOffset, recordBytes, this.#isUsable);
  }

  #requireRoom(headPage: number, endOffset: number): void {
    if (lastPageBefore(endOffset) - headPage < this.#ring.dataPages) return;
    const what = `the log's ${this.#ring.dataPages} pages are in use; truncate() frees them`;
    throw new WalError('ERR_WAL_FULL', this.#path, what);
  }
}
