/** Cutting records into fragments and fragments into pages. Pure: nothing here touches a file. */
import { encodeFragment, encodePageHeader } from './data-page.js';
import { FRAGMENT_HEADER_BYTES, LEAST_ROOM_BYTES, PAGE_BYTES, PAGE_HEADER_BYTES, fragmentSpanBytes } from './format.js';
import { identityOf, pageOf } from './ring.js';

/** A record that has a sequence number and no place yet. */
export interface PendingRecord {
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/** The page that is being filled, as it is in the file up to the end of the log; zeros behind. */
export interface Tail {
  readonly pageNumber: number;
  readonly image: Uint8Array;
}

/** Bytes `from` … `to` of `image` belong into the page. */
export interface PageWrite {
  readonly pageNumber: number;
  readonly image: Uint8Array;
  readonly from: number;
  readonly to: number;
}

export interface Layout {
  readonly writes: readonly PageWrite[];
  /** Unusable pages that the log steps over, and from where on they hold nothing. */
  readonly skipped: readonly { readonly pageNumber: number; readonly from: number }[];
  readonly endOffset: number;
}

interface Place {
  readonly pageNumber: number;
  readonly position: number;
  readonly opensPage: boolean;
  readonly offset: number;
  readonly length: number;
}

/** True where a page takes stores. At least one page of every lap must be usable. */
export type IsUsable = (pageNumber: number) => boolean;

/** Where the log ends once a record of `recordBytes` has been added at `endOffset`. */
export function endAfter(endOffset: number, recordBytes: number, isUsable: IsUsable): number {
  let end = endOffset;
  for (const place of placesOf(recordBytes, endOffset, isUsable)) end = endOf(place);
  return end;
}

/** Lays records out from `endOffset` on. The images are new; `tail` is left alone. */
export function layOut(
  records: readonly PendingRecord[],
  endOffset: number,
  tail: Tail | undefined,
  logId: bigint,
  isUsable: IsUsable,
): Layout {
  const pages = new Map<number, { image: Uint8Array; from: number; to: number }>();
  let end = endOffset;
  for (const { sequence, payload } of records) {
    for (const place of placesOf(payload.length, end, isUsable)) {
      let page = pages.get(place.pageNumber);
      if (page === undefined) {
        const image = tail?.pageNumber === place.pageNumber ? tail.image.slice() : new Uint8Array(PAGE_BYTES);
        if (place.opensPage) {
          encodePageHeader(image, { ...identityOf(logId, place.pageNumber), firstSequence: sequence });
        }
        page = { image, from: place.opensPage ? 0 : place.position, to: 0 };
        pages.set(place.pageNumber, page);
      }
      page.to = encodeFragment(page.image, place.position, {
        sequence,
        recordBytes: payload.length,
        offset: place.offset,
        payload: payload.subarray(place.offset, place.offset + place.length),
      });
      end = endOf(place);
    }
  }
  // The few bytes behind the last fragment belong to the write too, so that neighbours persist as one range.
  for (const [pageNumber, page] of pages) if (pageNumber < pageOf(end)) page.to = PAGE_BYTES;
  const skipped = [];
  for (let pageNumber = pageOf(endOffset); pageNumber < pageOf(end); pageNumber++) {
    const from = pageNumber === pageOf(endOffset) ? endOffset % PAGE_BYTES : 0;
    if (!pages.has(pageNumber)) skipped.push({ pageNumber, from });
  }
  return { writes: [...pages].map(([pageNumber, page]) => ({ pageNumber, ...page })), skipped, endOffset: end };
}

function* placesOf(recordBytes: number, endOffset: number, isUsable: IsUsable): Generator<Place> {
  let cursor = endOffset;
  let offset = 0;
  do {
    while (!isUsable(pageOf(cursor))) cursor = (pageOf(cursor) + 1) * PAGE_BYTES;
    const opensPage = cursor % PAGE_BYTES === 0;
    const position = opensPage ? PAGE_HEADER_BYTES : cursor % PAGE_BYTES;
    const length = Math.min(recordBytes - offset, PAGE_BYTES - position - FRAGMENT_HEADER_BYTES);
    const place = { pageNumber: pageOf(cursor), position, opensPage, offset, length };
    yield place;
    offset += length;
    cursor = endOf(place);
  } while (offset < recordBytes);
}

/** Behind the fragment, or at the next page where no fragment may begin behind it. */
function endOf(place: Place): number {
  const end = place.position + fragmentSpanBytes(place.length);
  return place.pageNumber * PAGE_BYTES + (PAGE_BYTES - end < LEAST_ROOM_BYTES ? PAGE_BYTES : end);
}
