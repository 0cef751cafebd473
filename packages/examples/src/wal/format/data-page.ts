/** Data pages: writing fragments into a page image, and reading back what a page proves to hold. */
import { crc32, crc32Within } from './crc32.js';
import {
  COMMIT_END,
  FRAGMENT_HEADER_BYTES,
  FRAGMENT_MARKER,
  LEAST_ROOM_BYTES,
  PAGE_BYTES,
  PAGE_HEADER_BYTES,
  PAGE_MARKER,
  fragmentSpanBytes,
  getUint48,
  getUint64,
  isZero,
  setUint64,
  viewOf,
} from './format.js';

/** The log and the number that a page must name before anything in it is believed. */
export interface PageIdentity {
  readonly logId: bigint;
  readonly pageNumber: number;
}

/** A page header that verified. */
export interface PageHeader extends PageIdentity {
  readonly firstSequence: number;
}

/** A piece of a record. */
export interface Fragment {
  readonly sequence: number;
  /** Low bits of the era in which it was stored. */
  readonly era: number;
  readonly recordBytes: number;
  readonly offset: number;
  readonly payload: Uint8Array;
}

/** A piece that verified. `payload` is a view of the page that was parsed. */
export interface ParsedFragment extends Fragment {
  /** Its end in the page: where the next one begins. */
  readonly end: number;
  /** A commit with a near slot only ends with it. */
  readonly endsCommit: boolean;
}

/** The content of a page, as far as its checksums prove it. */
export interface ParsedPage {
  readonly fragments: readonly ParsedFragment[];
  /** End of the last fragment that verified; 0 if not even the page header did. */
  readonly verifiedBytes: number;
  /** `full`: verified up to the limit. `short`: verified, then nothing but zeros. `damaged`: anything else. */
  readonly state: 'full' | 'short' | 'damaged';
}

/** Writes the page header that must be in place before the first fragment. */
export function encodePageHeader(page: Uint8Array, header: PageHeader): void {
  const view = viewOf(page);
  view.setUint32(4, PAGE_MARKER, true);
  view.setBigUint64(8, header.logId, true);
  setUint64(view, 16, header.pageNumber);
  setUint64(view, 24, header.firstSequence);
  view.setUint32(0, crc32(page.subarray(4, PAGE_HEADER_BYTES)), true);
}

/**
 * Returns the value that the checksums of all fragments of a page begin with: it covers log and page number, so that
 * the same bytes in another page, or in another log, do not verify. The page needs its header.
 */
export function identitySeed(page: Uint8Array): number {
  return crc32(page.subarray(8, 24));
}

/** Writes a fragment at `position` of a page that has its header; returns the position after it. */
export function encodeFragment(
  page: Uint8Array,
  position: number,
  fragment: Fragment,
  view = viewOf(page),
  seed = identitySeed(page),
): number {
  const end = position + FRAGMENT_HEADER_BYTES + fragment.payload.length;
  view.setUint16(position + 4, fragment.payload.length, true);
  view.setUint16(position + 6, FRAGMENT_MARKER, true);
  setUint64(view, position + 8, fragment.sequence);
  view.setUint16(position + 14, fragment.era, true);
  view.setUint32(position + 16, fragment.recordBytes, true);
  view.setUint32(position + 20, fragment.offset, true);
  page.set(fragment.payload, position + FRAGMENT_HEADER_BYTES);
  view.setUint32(position, crc32Within(page, position + 4, end, seed), true);
  const next = position + fragmentSpanBytes(fragment.payload.length);
  if (next > end) page.fill(0, end, next);
  return next;
}

/** Marks the fragment at `position` as the last of a commit with a near slot only. */
export function markCommitEnd(page: Uint8Array, position: number, view: DataView, seed: number): void {
  const length = view.getUint16(position + 4, true) & ~COMMIT_END;
  view.setUint16(position + 4, length | COMMIT_END, true);
  view.setUint32(position, crc32Within(page, position + 4, position + FRAGMENT_HEADER_BYTES + length, seed), true);
}

/** Returns the page header if it verifies; `page` needs only its first 32 bytes. */
export function decodePageHeader(page: Uint8Array): PageHeader | undefined {
  const view = viewOf(page);
  if (view.getUint32(4, true) !== PAGE_MARKER) return undefined;
  if (crc32(page.subarray(4, PAGE_HEADER_BYTES)) !== view.getUint32(0, true)) return undefined;
  const [pageNumber, firstSequence] = [getUint64(view, 16), getUint64(view, 24)];
  if (!Number.isSafeInteger(pageNumber) || !Number.isSafeInteger(firstSequence)) return undefined;
  return { logId: view.getBigUint64(8, true), pageNumber, firstSequence };
}

/**
 * Reads the fragments of a page from its start. Every position looked at follows from the page's own boundary and from
 * lengths that verified, so nothing that a payload contains can be taken for a fragment. After the first fragment that
 * does not verify, or is of an earlier era than the one before it, nothing more of the page is believed.
 *
 * @param readableBytes how much of `page`, from its start, was really read
 * @param limitBytes where committed bytes end in this page
 */
export function parsePage(
  page: Uint8Array,
  readableBytes: number,
  limitBytes: number,
  identity: PageIdentity,
): ParsedPage {
  const usableBytes = Math.min(readableBytes, limitBytes);
  const header = readableBytes >= PAGE_HEADER_BYTES ? decodePageHeader(page) : undefined;
  if (header?.logId !== identity.logId || header.pageNumber !== identity.pageNumber) {
    return { fragments: [], verifiedBytes: 0, state: 'damaged' };
  }
  const view = viewOf(page);
  const seed = identitySeed(page);
  const fragments: ParsedFragment[] = [];
  let position = PAGE_HEADER_BYTES;
  for (;;) {
    const fragment = fragmentAt(page, position, usableBytes, view, seed);
    const before = fragments.at(-1);
    if (fragment === undefined || (before !== undefined && isEarlier(fragment.era, before.era))) break;
    fragments.push(fragment);
    position = fragment.end;
  }
  const full = position === limitBytes || (limitBytes === PAGE_BYTES && PAGE_BYTES - position < LEAST_ROOM_BYTES);
  const short = limitBytes === PAGE_BYTES && readableBytes === PAGE_BYTES && isZero(page.subarray(position));
  return { fragments, verifiedBytes: position, state: full ? 'full' : short ? 'short' : 'damaged' };
}

/**
 * The fragment at `position`, if one verifies there and ends within the first `usableBytes` bytes of the page. `view`
 * and `seed` are those of the page.
 */
function fragmentAt(
  page: Uint8Array, position: number, usableBytes: number, view: DataView, seed: number,
): ParsedFragment | undefined {
  if (usableBytes - position < FRAGMENT_HEADER_BYTES || PAGE_BYTES - position < LEAST_ROOM_BYTES) return undefined;
  const stored = view.getUint16(position + 4, true);
  const length = stored & ~COMMIT_END;
  const end = position + fragmentSpanBytes(length);
  if (end > usableBytes || view.getUint16(position + 6, true) !== FRAGMENT_MARKER) return undefined;
  const payloadEnd = position + FRAGMENT_HEADER_BYTES + length;
  if (crc32Within(page, position + 4, payloadEnd, seed) !== view.getUint32(position, true)) return undefined;
  return {
    sequence: getUint48(view, position + 8),
    era: view.getUint16(position + 14, true),
    recordBytes: view.getUint32(position + 16, true),
    offset: view.getUint32(position + 20, true),
    payload: page.subarray(position + FRAGMENT_HEADER_BYTES, payloadEnd),
    end,
    endsCommit: (stored & COMMIT_END) !== 0,
  };
}

/** Of two eras that are less than 32768 apart. */
function isEarlier(era: number, than: number): boolean {
  return ((era - than) & 0xffff) >= 0x8000;
}
