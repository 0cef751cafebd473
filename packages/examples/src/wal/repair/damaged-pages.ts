/** Finds the damaged pages of a file, and what they have to hold. Reads; changes nothing. */
import type { CommitPoint } from '../format/commit-slot.js';
import type { LogHeader } from '../format/header-page.js';
import { encodeHeaderPage } from '../format/header-page.js';
import { holds } from '../commit/header-copies.js';
import type { ParsedPage } from '../format/data-page.js';
import { PAGE_BYTES } from '../format/format.js';
import type { Damage, LogFile, PageRead, Role } from '../log-files.js';
import { damageOf, readPage, readPages } from '../log-files.js';
import type { Tail } from '../append/pending-records.js';
import type { LogFiles, PageCopy } from '../read/read-pages.js';
import { copyFrom } from '../read/read-pages.js';
import { limitIn } from '../format/ring.js';
import { isOfEarlierMoment } from './earlier-moment.js';

/** The log at one moment, with no commit on its way. */
export interface LogState {
  readonly place: LogFiles;
  readonly header: LogHeader;
  readonly point: CommitPoint;
  readonly tail: Tail | undefined;
}

/**
 * The bytes that a page has to hold, and where they come from; `bytes` is undefined if no file and no memory has them.
 */
export interface Replacement {
  readonly source: 'memory' | Role | 'empty' | 'lost';
  readonly bytes: Uint8Array | undefined;
}

export interface DamagedPage {
  readonly damage: Damage;
  readonly replacement: Replacement;
  readonly isHeader: boolean;
  /** A header copy, and no other has the commit point in force. */
  readonly isLast: boolean;
}

const DATA = { isHeader: false, isLast: false };
/** Of a page that holds no committed record. */
const EMPTY: Replacement = { source: 'empty', bytes: new Uint8Array(PAGE_BYTES) };

/** Memory for the pages of one repair: a page that has its own costs several times its reading. */
export class PageRooms {
  readonly #pages: number;
  readonly #stepPages: number;
  #read: Uint8Array | undefined;
  #kept: Uint8Array | undefined;
  #keptPages = 0;

  /** @param pages all that are examined @param stepPages of those in one step */
  constructor(pages: number, stepPages: number) {
    this.#pages = pages;
    this.#stepPages = stepPages;
  }

  /** Until the next call. */
  forReading(pages: number): Uint8Array {
    this.#read ??= new Uint8Array(Math.min(this.#pages, this.#stepPages) * PAGE_BYTES);
    return this.#read.subarray(0, pages * PAGE_BYTES);
  }

  /** Until the repair is over; after what was taken before, so that neighbours are neighbours here. */
  toKeep(pages: number): Uint8Array {
    this.#kept ??= new Uint8Array(this.#pages * PAGE_BYTES);
    const start = this.#keptPages * PAGE_BYTES;
    this.#keptPages += pages;
    return this.#kept.subarray(start, start + pages * PAGE_BYTES);
  }
}

/** The damaged ones among the pages at `positions` of one file. */
export function findDamaged(
  state: LogState, logFile: LogFile, positions: readonly number[], rooms: PageRooms,
): DamagedPage[] {
  const { headerPositions } = state.place.ring;
  const headers = positions.filter((position) => headerPositions.includes(position));
  const found = headers.flatMap((position) => damagedHeader(state, logFile, position) ?? []);
  for (const run of runsOf(positions.filter((position) => !headers.includes(position)))) {
    const own = new PagesOfFile(logFile, run, (pages) => rooms.forReading(pages));
    const mirrors = state.place.logFiles.filter((other) => other !== logFile);
    const others = mirrors.map((other) => new PagesOfFile(other, run, (pages) => rooms.toKeep(pages)));
    for (const position of run) {
      const page = damagedData(state, position, own, others);
      if (page !== undefined) found.push(page);
    }
  }
  return found;
}

/** Positions of pages that lie one after the other, together. */
function runsOf(positions: readonly number[]): number[][] {
  const runs: number[][] = [];
  for (const position of positions) {
    const run = runs.at(-1);
    if (run?.at(-1) === position - PAGE_BYTES) run.push(position);
    else runs.push([position]);
  }
  return runs;
}

/** Pages of one file that lie one after the other: read together, from the first that is asked for on. */
class PagesOfFile {
  readonly logFile: LogFile;
  readonly #end: number;
  readonly #roomFor: (pages: number) => Uint8Array;
  #start = 0;
  #images: Uint8Array = new Uint8Array(0);
  #reads: readonly PageRead[] | undefined;

  constructor(logFile: LogFile, positions: readonly number[], roomFor: (pages: number) => Uint8Array) {
    this.logFile = logFile;
    this.#end = (positions.at(-1) as number) + PAGE_BYTES;
    this.#roomFor = roomFor;
  }

  at(position: number): { readonly image: Uint8Array; readonly read: PageRead } {
    if (this.#reads === undefined) {
      this.#start = position;
      this.#images = this.#roomFor((this.#end - position) / PAGE_BYTES);
      this.#reads = readPages(this.logFile, position, this.#images);
    }
    const offset = position - this.#start;
    const read = this.#reads[offset / PAGE_BYTES] as PageRead;
    return { image: this.#images.subarray(offset, offset + PAGE_BYTES), read };
  }
}

/**
 * A header page under repair names no commit point until the one in force is stored there: commits go on in the other
 * copies meanwhile, and an older one must not come back if those are lost. If no other copy has the commit point it
 * is rebuilt with it, so that a repair cut short leaves things no worse, and no commit may run meanwhile.
 */
function damagedHeader(state: LogState, logFile: LogFile, position: number): DamagedPage | undefined {
  const { header, point } = state;
  const damage = damageOfHeader(state, logFile, position);
  if (damage === undefined) return undefined;
  const isLast = !isHeldElsewhere(state, logFile, position);
  const bytes = encodeHeaderPage(header, isLast ? point : undefined);
  return { damage, replacement: { source: 'memory', bytes }, isHeader: true, isLast };
}

function damageOfHeader({ header, point }: LogState, logFile: LogFile, position: number): Damage | undefined {
  const bytes = new Uint8Array(PAGE_BYTES);
  const { damage } = readPage(logFile, position, bytes);
  if (damage === undefined && holds(bytes, header, point)) return undefined;
  return damage ?? damageOf(logFile, position, 'damaged');
}

function isHeldElsewhere(state: LogState, logFile: LogFile, position: number): boolean {
  const { logFiles, ring } = state.place;
  return logFiles.some((other) =>
    ring.headerPositions.some(
      (copy) => !(other === logFile && copy === position) && damageOfHeader(state, other, copy) === undefined,
    ),
  );
}

function damagedData(
  state: LogState, position: number, own: PagesOfFile, others: readonly PagesOfFile[],
): DamagedPage | undefined {
  const { place, point } = state;
  const { image, read } = own.at(position);
  const pageNumber = place.ring.numberAt(position, point.headPage);
  const limitBytes = limitIn(pageNumber, point.endOffset);
  if (limitBytes === 0) {
    const { damage } = read;
    if (damage === undefined) return undefined;
    return { damage, replacement: EMPTY, ...DATA };
  }
  const copy = copyFrom(place, own.logFile, pageNumber, limitBytes, image, read);
  const isEarlier = isOfEarlierMoment(copy.parsed, copiesIn(place, others, position, pageNumber));
  const damage = copy.damage ?? (isEarlier ? damageOf(own.logFile, position, 'damaged') : undefined);
  if (damage === undefined) return undefined;
  const replacement = replacementOf(state, copy, others, position, pageNumber, limitBytes);
  // Without the bytes there is nothing to do for a page that can be stored to: it stays what it is, a loss.
  const takesStores = damage.reason === 'lost' || damage.reason === 'damaged';
  return replacement.bytes === undefined && takesStores ? undefined : { damage, replacement, ...DATA };
}

function* copiesIn(
  place: LogFiles, others: readonly PagesOfFile[], position: number, pageNumber: number,
): Generator<ParsedPage, void, undefined> {
  for (const other of others) {
    const { image, read } = other.at(position);
    yield copyFrom(place, other.logFile, pageNumber, PAGE_BYTES, image, read).parsed;
  }
}

/** Bytes for a committed page: only such as verify, and never fewer than the page itself still has. */
function replacementOf(
  { place, tail }: LogState, own: PageCopy, others: readonly PagesOfFile[], position: number, pageNumber: number,
  limitBytes: number,
): Replacement {
  if (tail?.pageNumber === pageNumber) return { source: 'memory', bytes: tail.image };
  for (const other of others) {
    const { image, read } = other.at(position);
    const { parsed } = copyFrom(place, other.logFile, pageNumber, limitBytes, image, read);
    if (parsed.state === 'damaged' || parsed.verifiedBytes < own.parsed.verifiedBytes) continue;
    image.fill(0, parsed.verifiedBytes);
    return { source: other.logFile.role, bytes: image };
  }
  return { source: 'lost', bytes: undefined };
}
