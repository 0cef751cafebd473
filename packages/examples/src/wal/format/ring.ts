/** Maps page numbers to positions in the file. The numbers grow for ever; the file holds the last N of them. */
import { LEAST_PAGES, PAGE_BYTES } from './format.js';
import type { PageIdentity } from './data-page.js';

export class Ring {
  readonly pageCount: number;
  /** N, the pages that hold records. */
  readonly dataPages: number;
  /** File positions of header copies A and B. */
  readonly headerPositions: readonly number[];

  constructor(pageCount: number) {
    if (pageCount < LEAST_PAGES) throw new RangeError(`a log needs at least ${LEAST_PAGES * PAGE_BYTES} bytes`);
    this.pageCount = pageCount;
    this.dataPages = pageCount - 2;
    this.headerPositions = [0, (pageCount - 1) * PAGE_BYTES];
  }

  /** File position of a data page. */
  positionOf(pageNumber: number): number {
    return (1 + (pageNumber % this.dataPages)) * PAGE_BYTES;
  }

  /** File positions of all data pages. See `positionsFromEnd` for reading a whole file that may not be in memory. */
  dataPositions(): number[] {
    return Array.from({ length: this.dataPages }, (_, index) => (1 + index) * PAGE_BYTES);
  }

  /**
   * File positions of all data pages, the last one first, which is the order to touch them in for the first time. The
   * page cache of Linux takes in a file that is read from its beginning in units that grow to megabytes, and ext4
   * writes back a whole unit for each byte that is stored there: 250 us for each flush, while a page takes 20.
   */
  positionsFromEnd(): number[] {
    return this.dataPositions().reverse();
  }

  /** The number at or after `least` of the page that lies at `position`. */
  numberAt(position: number, least: number): number {
    const slot = position / PAGE_BYTES - 1;
    return least + ((((slot - least) % this.dataPages) + this.dataPages) % this.dataPages);
  }
}

/** The page that an offset of the log lies in. */
export function pageOf(logOffset: number): number {
  return Math.floor(logOffset / PAGE_BYTES);
}

/** The last page that holds bytes before `endOffset`; one less than the first page if there is none. */
export function lastPageBefore(endOffset: number): number {
  return Math.ceil(endOffset / PAGE_BYTES) - 1;
}

/** Returns the number of bytes of a page that lie before `endOffset`. */
export function limitIn(pageNumber: number, endOffset: number): number {
  return Math.max(0, Math.min(PAGE_BYTES, endOffset - pageNumber * PAGE_BYTES));
}

/** A page of this log. */
export function identityOf(logId: bigint, pageNumber: number): PageIdentity {
  return { logId, pageNumber };
}
