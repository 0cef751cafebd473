/** Records between append() and commit(): encoded where they will lie, and moved if a page turns out unusable. */
import { FillingPage } from './filling-page.js';
import { LEAST_ROOM_BYTES, PAGE_BYTES, fragmentSpanBytes } from '../format/format.js';
import type { IsUsable, PageWrite, PendingRecord } from '../format/layout.js';
import { endAfter, endBehind, endOfPlace, placesOf } from '../format/layout.js';
import type { Ring } from '../format/ring.js';
import { lastPageBefore, pageOf } from '../format/ring.js';
import { WalError } from '../wal-error.js';

/** The page that is being filled, as it is in the file up to the end of the log, then zeros. */
export interface Tail {
  readonly pageNumber: number;
  readonly image: Uint8Array;
}

/** All records that wait at one moment, as bytes of pages. */
export interface Batch {
  readonly writes: readonly PageWrite[];
  /** Unusable pages that the log steps over, and from where on they hold nothing. */
  readonly skipped: readonly { readonly pageNumber: number; readonly from: number }[];
  /** Offsets of the beginning of the first record and of the end of the last. */
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
  readonly lastRecordBytes: number;
}

/** The place of the records of a log. */
export interface PendingPlace {
  readonly ring: Ring;
  readonly logId: bigint;
  readonly era: number;
  readonly path: string;
}

/** Images of committed pages, kept for the next ones: a fresh page costs several times its clearing. */
const SPARE_IMAGES = 64;

export class PendingRecords {
  readonly #place: PendingPlace;
  /** The page of `#start` if it is begun, then the pages after it that hold records; by rising number. */
  #pages: FillingPage[] = [];
  readonly #spare: Uint8Array[] = [];
  #count = 0;
  /** Of the record that was added last. */
  lastRecordBytes = 0;
  #start: number;
  #end: number;
  #unusable: ReadonlySet<number> = new Set();
  /** Records that no page could take when the unusable ones were last named; everything waiting is here then. */
  #unplaced: readonly PendingRecord[] = [];

  /** @param start where the next record goes @param tail the page that it goes into, if that is begun */
  constructor(place: PendingPlace, start: number, tail: Tail | undefined) {
    this.#place = place;
    this.#start = start;
    this.#end = start;
    if (tail === undefined) return;
    this.#pages.push(FillingPage.continue(tail.pageNumber, tail.image, place.era, start % PAGE_BYTES));
  }

  get count(): number {
    return this.#count;
  }

  /** Offset at which the first of them goes, or would go: the end of the log. */
  get start(): number {
    return this.#start;
  }

  /** A copy of the page that the log ends in, as it is committed. */
  get tail(): Tail | undefined {
    const page = this.#pages[0];
    if (page === undefined || page.from === 0) return undefined;
    const image = page.image.slice();
    image.fill(0, page.from);
    return { pageNumber: page.pageNumber, image };
  }

  /** Takes a copy. Throws ERR_WAL_TOO_LARGE or ERR_WAL_FULL with nothing changed. */
  add(sequence: number, payload: Uint8Array, headPage: number): void {
    const recordBytes = payload.length;
    const page = this.#pages.at(-1);
    if (page !== undefined && this.#isOpenAtEnd(page) && this.#fits(recordBytes, page)) {
      page.add(sequence, recordBytes, 0, payload);
      this.#end = endBehind(page.pageNumber, page.to);
    } else {
      this.#requireSomeRoom(recordBytes, headPage);
      this.#encode(sequence, payload);
    }
    this.#count++;
    this.lastRecordBytes = recordBytes;
  }

  /** Returns everything that waits. Throws ERR_WAL_FULL if pages have become unusable since add(). */
  batch(headPage: number): Batch {
    this.#requireRoom(headPage, this.#end);
    const writes = this.#pages
      .filter((page) => page.to > page.from)
      .map((page) => {
        const { pageNumber, image, from } = page;
        return { pageNumber, image, from, to: this.#storedEnd(page) };
      });
    return {
      writes,
      skipped: this.#skipped(writes, pageOf(this.#end)),
      startOffset: this.#start,
      endOffset: this.#end,
      count: this.#count,
      lastRecordBytes: this.lastRecordBytes,
    };
  }

  /** The page that the log ends in, if all that waits goes into it. */
  get begunPage(): FillingPage | undefined {
    const page = this.#pages[0];
    const isBegun = page !== undefined && page.from > 0 && page.to > page.from;
    return isBegun && this.#pages.length === 1 && this.#unplaced.length === 0 ? page : undefined;
  }

  /** True if what waits lies in pages one after the other, none of which has refused anything, and has room there. */
  isStraight(headPage: number): boolean {
    return this.#unusable.size === 0 && lastPageBefore(this.#end) - headPage < this.#place.ring.dataPages;
  }

  /** Offset of the end of the log, once all that waits is committed. */
  get end(): number {
    return this.#end;
  }

  /** Calls `visit` for the bytes of each page that waits. */
  visit(visit: (pageNumber: number, from: number, bytes: Uint8Array) => void): void {
    for (const page of this.#pages) {
      const { pageNumber, image, from, to } = page;
      if (to > from) visit(pageNumber, from, image.subarray(from, this.#storedEnd(page)));
    }
  }

  /** True if nothing of the log lies in the page, and it takes stores. */
  isFree(pageNumber: number, headPage: number): boolean {
    return pageNumber - headPage < this.#place.ring.dataPages && this.#isUsable(pageNumber);
  }

  /** Marks the end of what waits, all of it in one page, as that of a commit with a near slot only. */
  endCommit(): void {
    this.#pages.at(-1)?.endCommit();
  }

  /** Forgets `count` records up to `endOffset`, which are committed: what was added since goes on after them. */
  settle(endOffset: number, count: number): void {
    const first = pageOf(endOffset);
    while (this.#pages[0] !== undefined && this.#pages[0].pageNumber < first) {
      const { image } = this.#pages.shift() as FillingPage;
      if (this.#spare.length < SPARE_IMAGES) this.#spare.push(image);
    }
    const page = this.#pages[0];
    if (page?.pageNumber === first) page.from = endOffset % PAGE_BYTES;
    this.#start = endOffset;
    this.#count -= count;
  }

  clear(): void {
    this.#count = 0;
    this.#unplaced = [];
    this.#rewind();
  }

  /** Takes note of the pages, by file position, that the records must be laid out around, and moves them. */
  setUnusable(positions: ReadonlySet<number>): void {
    if (positions.size === 0 && this.#unusable.size === 0) return;
    const records = this.#unplaced.length > 0 ? this.#unplaced : this.#collect();
    this.#unusable = new Set(positions);
    this.#unplaced = [];
    this.#rewind();
    if (records.length > 0 && this.#nothingUsable) this.#unplaced = records;
    else for (const { sequence, payload } of records) this.#encode(sequence, payload);
  }

  readonly #isUsable: IsUsable = (pageNumber) => !this.#unusable.has(this.#place.ring.positionOf(pageNumber));

  /** A layout would look for a page for ever. */
  get #nothingUsable(): boolean {
    return this.#unusable.size >= this.#place.ring.dataPages;
  }

  #isOpenAtEnd(page: FillingPage): boolean {
    const isEnd = page.pageNumber * PAGE_BYTES + page.to === this.#end;
    return isEnd && (this.#unusable.size === 0 || this.#isUsable(page.pageNumber));
  }

  #fits(recordBytes: number, page: FillingPage): boolean {
    return page.roomBytes >= LEAST_ROOM_BYTES && page.roomBytes >= fragmentSpanBytes(recordBytes);
  }

  #encode(sequence: number, payload: Uint8Array): void {
    for (const place of placesOf(payload.length, this.#end, this.#isUsable)) {
      const piece = payload.subarray(place.offset, place.offset + place.length);
      this.#pageAt(place.pageNumber, sequence).add(sequence, payload.length, place.offset, piece);
      this.#end = endOfPlace(place);
    }
  }

  #pageAt(pageNumber: number, sequence: number): FillingPage {
    const last = this.#pages.at(-1);
    if (last?.pageNumber === pageNumber) return last;
    const image = this.#spare.pop()?.fill(0) ?? new Uint8Array(PAGE_BYTES);
    const { logId, era } = this.#place;
    const page = FillingPage.open({ logId, pageNumber, firstSequence: sequence }, image, era);
    this.#pages.push(page);
    return page;
  }

  /** Copies of the records, put together from their fragments. */
  #collect(): PendingRecord[] {
    const records: PendingRecord[] = [];
    for (const page of this.#pages) {
      for (const { sequence, recordBytes, offset, payload } of page.uncommitted()) {
        if (offset === 0) records.push({ sequence, payload: new Uint8Array(recordBytes) });
        records.at(-1)?.payload.set(payload, offset);
      }
    }
    return records;
  }

  #rewind(): void {
    const [first] = this.#pages;
    const isTail = first !== undefined && first.from > 0;
    if (isTail) first.rewind();
    this.#pages = isTail ? [first] : [];
    this.#end = this.#start;
  }

  /**
   * The few bytes after the last fragment are stored too, so that neighbours persist as one range. A page that is begun
   * may hold near slots, or what was in it a lap of the ring ago.
   */
  #storedEnd({ pageNumber, from, to }: FillingPage): number {
    return pageNumber < pageOf(this.#end) || from === 0 ? PAGE_BYTES : to;
  }

  #skipped(writes: readonly PageWrite[], last: number): Batch['skipped'] {
    if (this.#unusable.size === 0) return [];
    const first = pageOf(this.#start);
    const written = new Set(writes.map(({ pageNumber }) => pageNumber));
    return Array.from({ length: last - first }, (_, i) => first + i)
      .filter((pageNumber) => !written.has(pageNumber))
      .map((pageNumber) => ({ pageNumber, from: pageNumber === first ? this.#start % PAGE_BYTES : 0 }));
  }

  #requireSomeRoom(recordBytes: number, headPage: number): void {
    const { ring, path } = this.#place;
    if (lastPageBefore(endAfter(0, recordBytes, () => true)) >= ring.dataPages) {
      const what = `a record of ${recordBytes} bytes never fits into ${ring.dataPages} pages: make a longer log`;
      throw new WalError('ERR_WAL_TOO_LARGE', path, what);
    }
    this.#requireRoom(headPage, this.#nothingUsable ? 0 : endAfter(this.#end, recordBytes, this.#isUsable));
  }

  #requireRoom(headPage: number, endOffset: number): void {
    const { ring, path } = this.#place;
    if (!this.#nothingUsable && lastPageBefore(endOffset) - headPage < ring.dataPages) return;
    throw new WalError('ERR_WAL_FULL', path, `the log's ${ring.dataPages} pages are in use; truncate() frees them`);
  }
}
