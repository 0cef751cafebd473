/** Cutting records into fragments and fragments into pages. Pure: nothing here touches a file. */
import { FRAGMENT_HEADER_BYTES, LEAST_ROOM_BYTES, PAGE_BYTES, PAGE_HEADER_BYTES, fragmentSpanBytes } from './format.js';
import { pageOf } from './ring.js';

/** A record that has a sequence number. */
export interface PendingRecord {
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/** Bytes `from` … `to` of `image` belong into the page. */
export interface PageWrite {
  readonly pageNumber: number;
  readonly image: Uint8Array;
  readonly from: number;
  readonly to: number;
}

/** The place of one fragment, and which bytes of its record it holds. */
export interface Place {
  readonly pageNumber: number;
  readonly position: number;
  readonly opensPage: boolean;
  readonly offset: number;
  readonly length: number;
}

/** True if a page takes stores. At least one page of every lap must be usable. */
export type IsUsable = (pageNumber: number) => boolean;

/** Returns the places of the fragments of a record of `recordBytes` that is added at `endOffset`. */
export function placesOf(recordBytes: number, endOffset: number, isUsable: IsUsable): Place[] {
  const places: Place[] = [];
  let cursor = endOffset;
  let offset = 0;
  do {
    while (!isUsable(pageOf(cursor))) cursor = (pageOf(cursor) + 1) * PAGE_BYTES;
    const opensPage = cursor % PAGE_BYTES === 0;
    const position = opensPage ? PAGE_HEADER_BYTES : cursor % PAGE_BYTES;
    const length = Math.min(recordBytes - offset, PAGE_BYTES - position - FRAGMENT_HEADER_BYTES);
    places.push({ pageNumber: pageOf(cursor), position, opensPage, offset, length });
    offset += length;
    cursor = endBehind(pageOf(cursor), position + fragmentSpanBytes(length));
  } while (offset < recordBytes);
  return places;
}

/** Returns the end of the log after a record of `recordBytes` has been added at `endOffset`. */
export function endAfter(endOffset: number, recordBytes: number, isUsable: IsUsable): number {
  return endOfPlace(placesOf(recordBytes, endOffset, isUsable).at(-1) as Place);
}

/** Returns the place of the next fragment after this one. */
export function endOfPlace({ pageNumber, position, length }: Place): number {
  return endBehind(pageNumber, position + fragmentSpanBytes(length));
}

/** Returns the position after the fragment that ends at `end`, or the next page's if no fragment may begin there. */
export function endBehind(pageNumber: number, end: number): number {
  return pageNumber * PAGE_BYTES + (PAGE_BYTES - end < LEAST_ROOM_BYTES ? PAGE_BYTES : end);
}
