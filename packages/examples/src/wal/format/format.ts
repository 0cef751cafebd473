/**
 * The bytes of a log. All numbers are little-endian and unsigned; bytes not named are zero. The file is an array of
 * pages of 4096 bytes, the repair unit of the filesystems that persistent memory is used with:
 *
 *     page 0            header, copy A
 *     pages 1 … n-2     data: a ring of N = n-2 pages
 *     page n-1          header, copy B (as far from A as the file allows: neighbours tend to fail together)
 *
 * Header page
 *     offset size field         meaning
 *     0      8    magic         "safe-wal"; the last word that formatting writes
 *     8      4    version       3
 *     12     4    pageBytes     4096
 *     16     8    pageCount     n, header pages included
 *     24     8    logId         random, never 0; a new life of the file gets a new one
 *     32     4    checksum      CRC-32 of bytes 0 … 31
 *     128    128  slot 0        the commit point, if its generation is even
 *     256    128  slot 1        the commit point, if its generation is odd
 *
 * Commit slot: two cache lines of its own, so that the slot that is not being written can never be torn
 *     0      4    checksum      CRC-32 of bytes 4 … 127
 *     4      4    marker        "cmit"
 *     8      8    logId
 *     16     8    generation    rises with each commit point; the highest one that verifies is in force
 *     24     8    headPage      number of the oldest page in use
 *     32     8    firstSequence records below it have been dropped
 *     40     8    endOffset     where the next fragment goes: page number x 4096 + offset in the page
 *     48     8    lastSequence  the last committed record; firstSequence - 1 if there is none
 *     56     8    pairId        0 without a mirror; otherwise random and equal in the two files of a pair
 *     64     8    certainOffset    records before it were durable before this slot was stored; those from here to
 *                                  endOffset, the last batch, were stored together with it
 *     72     8    certainSequence  the last record before certainOffset
 *     80     8    era           counts how often the log was opened for writing
 *     88     8    doubtfulFirst    the first and the last record of batches of which a crash and a lost page have
 *     96     8    doubtfulLast     left unknown whether they were committed; 0 if there are none
 *     104    8    reservedThrough  records after lastSequence up to this one may have been committed since, with a near
 *                                  slot only: in the page of endOffset, after it
 *
 * Data page: a page header, then fragments one after the other, each on a multiple of 8. Pages are numbered from 0
 * and the numbers are never used twice; page number p lies in page 1 + p mod N of the file.
 *     0      4    checksum      CRC-32 of bytes 4 … 31
 *     4      4    marker        "page"
 *     8      8    logId
 *     16     8    pageNumber
 *     24     8    firstSequence of the record that the first fragment belongs to
 *     32     …    fragments, then zeros
 *
 * The last 256 bytes of the page after the one that is being filled may hold two near slots: commits that stay in a
 * page store their point there, in turns, with the generation of the one in the header copies. A page is stored whole
 * when it is begun.
 *
 * Fragment: a piece of one record. It never crosses a page; a record that does not fit in what is left of a page goes
 * on in the next one. If fewer than 32 bytes are left, none begins.
 *     0      4    checksum      CRC-32 of logId, pageNumber (both as in the page header), bytes 4 … 23 and the payload
 *     4      2    length        bytes of payload in this fragment; highest bit: a commit with a near slot only ends
 *     6      2    marker        0x4657 ("WF")
 *     8      6    sequence      of the record, from 1
 *     14     2    era           the low 16 bits of the era in which it was stored
 *     16     4    recordBytes   payload of the whole record
 *     20     4    offset        of this fragment's payload in the record
 *     24     …    payload, then zeros up to a multiple of 8
 */

export const PAGE_BYTES = 4096;
export const FORMAT_VERSION = 3;

/** Two header pages and a ring of at least two. */
export const LEAST_PAGES = 4;

export const MAGIC = Uint8Array.from('safe-wal', (letter) => letter.charCodeAt(0));
export const HEADER_CHECKSUM_OFFSET = 32;
export const SLOT_BYTES = 128;
export const SLOT_MARKER = 0x74696d63;
export const NEAR_SLOTS = 2;

export const PAGE_HEADER_BYTES = 32;
export const PAGE_MARKER = 0x65676170;

export const FRAGMENT_HEADER_BYTES = 24;
export const FRAGMENT_MARKER = 0x4657;
/** Of the length of a fragment: a commit with a near slot only ends with it. */
export const COMMIT_END = 0x8000;
const ALIGNMENT_BYTES = 8;

/** A fragment begins only if at least this much of the page is left. */
export const LEAST_ROOM_BYTES = 32;

/** The bytes that a fragment takes in its page. */
export function fragmentSpanBytes(payloadBytes: number): number {
  return FRAGMENT_HEADER_BYTES + Math.ceil(payloadBytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
}

/** The most fragments that can begin at `position` of a page or after it. */
export function fragmentsFrom(position: number): number {
  return Math.max(0, Math.floor((PAGE_BYTES - LEAST_ROOM_BYTES - position) / FRAGMENT_HEADER_BYTES) + 1);
}

/** A view of the same memory. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Stores a safe integer in 8 bytes; two 32-bit stores are several times faster than one BigInt. */
export function setUint64(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value % 2 ** 32, true);
  view.setUint32(offset + 4, Math.floor(value / 2 ** 32), true);
}

/** Sequence numbers have 48 bits in a fragment. */
export const SEQUENCE_MAX = 2 ** 48 - 1;

/** The part of an era that a fragment carries. */
export function eraMark(era: number): number {
  return era % 2 ** 16;
}

/** Loads 8 bytes as a number; NaN if the value is not a safe integer, so that every comparison refuses it. */
export function getUint64(view: DataView, offset: number): number {
  const value = view.getUint32(offset + 4, true) * 2 ** 32 + view.getUint32(offset, true);
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

/** Loads 6 bytes as a number. */
export function getUint48(view: DataView, offset: number): number {
  return view.getUint16(offset + 4, true) * 2 ** 32 + view.getUint32(offset, true);
}

/** True if every byte is zero. */
export function isZero(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte !== 0) return false;
  return true;
}
