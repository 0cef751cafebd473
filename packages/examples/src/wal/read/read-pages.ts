/** Reading committed pages from whichever copy proves to hold most of them. */
import type { ParsedPage } from '../format/data-page.js';
import { decodePageHeader, parsePage } from '../format/data-page.js';
import { PAGE_BYTES, PAGE_HEADER_BYTES } from '../format/format.js';
import type { Damage, LogFile, PageRead } from '../log-files.js';
import { damageOf, readPage } from '../log-files.js';
import type { Ring } from '../format/ring.js';
import { identityOf } from '../format/ring.js';

/** The files of a log, and how its pages lie in them. */
export interface LogFiles {
  readonly logFiles: readonly LogFile[];
  readonly ring: Ring;
  readonly logId: bigint;
  /** Counts how often the log was opened for writing; 0 if it is only read. */
  readonly era: number;
}

/** One file's version of a page. */
export interface PageCopy {
  readonly logFile: LogFile;
  readonly image: Uint8Array;
  readonly parsed: ParsedPage;
  /** Why this version is not full; undefined if it is, or if the writer left the rest of the page empty. */
  readonly damage: Damage | undefined;
}

/** Returns the best version of a page and, if that is not the page in full, what is wrong with each version. */
export interface PageView {
  readonly pageNumber: number;
  readonly best: PageCopy;
  readonly damage: readonly Damage[];
}

/** Reads one file's version of a page of which the first `limitBytes` are committed. */
export function readCopy(place: LogFiles, logFile: LogFile, pageNumber: number, limitBytes: number): PageCopy {
  const image = new Uint8Array(PAGE_BYTES);
  const position = place.ring.positionOf(pageNumber);
  return copyFrom(place, logFile, pageNumber, limitBytes, image, readPage(logFile, position, image));
}

/** The same of a page that has been read, into `image`. */
export function copyFrom(
  place: LogFiles, logFile: LogFile, pageNumber: number, limitBytes: number, image: Uint8Array, read: PageRead,
): PageCopy {
  const position = place.ring.positionOf(pageNumber);
  const { readableBytes, damage } = read;
  const parsed = parsePage(image, readableBytes, limitBytes, identityOf(place.logId, pageNumber));
  if (parsed.state !== 'damaged') return { logFile, image, parsed, damage: undefined };
  return { logFile, image, parsed, damage: damage ?? damageOf(logFile, position, 'damaged') };
}

/** Reads the files in turn until one has the page in full; otherwise takes the version of which most verifies. */
export function readBest(place: LogFiles, pageNumber: number, limitBytes: number): PageView {
  const damage: Damage[] = [];
  let best: PageCopy | undefined;
  for (const logFile of place.logFiles) {
    const copy = readCopy(place, logFile, pageNumber, limitBytes);
    if (copy.damage !== undefined) damage.push(copy.damage);
    if (best === undefined || copy.parsed.verifiedBytes > best.parsed.verifiedBytes) best = copy;
    if (copy.parsed.state === 'full') break;
  }
  const chosen = best as PageCopy;
  return { pageNumber, best: chosen, damage: chosen.parsed.state === 'full' ? [] : damage };
}

/** The record that a page begins with, as far as any file can tell. */
export function firstSequenceIn(place: LogFiles, pageNumber: number): number | undefined {
  for (const logFile of place.logFiles) {
    const header = readHeaderAt(logFile, place.ring.positionOf(pageNumber));
    if (header?.logId === place.logId && header.pageNumber === pageNumber) return header.firstSequence;
  }
  return undefined;
}

/** Returns the page header at `position` if one can be read and verifies, whatever log and page it names. */
export function readHeaderAt(logFile: LogFile, position: number): ReturnType<typeof decodePageHeader> {
  const bytes = new Uint8Array(PAGE_HEADER_BYTES);
  const { damage } = readPage(logFile, position, bytes);
  return damage === undefined ? decodePageHeader(bytes) : undefined;
}
