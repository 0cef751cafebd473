/** Finds the damaged pages of a file, and what they have to hold. Reads; changes nothing. */
import type { CommitPoint } from '../format/commit-slot.js';
import type { LogHeader } from '../format/header-page.js';
import { encodeHeaderPage } from '../format/header-page.js';
import { holds } from '../commit/header-copies.js';
import { PAGE_BYTES } from '../format/format.js';
import type { Damage, LogFile, Role } from '../log-files.js';
import { damageOf, readPage } from '../log-files.js';
import type { Tail } from '../append/pending-records.js';
import type { LogFiles, PageCopy } from '../read/read-pages.js';
import { readCopy } from '../read/read-pages.js';
import { limitIn } from '../format/ring.js';

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

/** The damaged ones among the pages at `positions` of one file. */
export function findDamaged(state: LogState, logFile: LogFile, positions: readonly number[]): DamagedPage[] {
  const { headerPositions } = state.place.ring;
  return positions.flatMap((position) => {
    const page = headerPositions.includes(position)
      ? damagedHeader(state, logFile, position)
      : damagedData(state, logFile, position);
    return page ?? [];
  });
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

function damagedData(state: LogState, logFile: LogFile, position: number): DamagedPage | undefined {
  const { place, point } = state;
  const pageNumber = place.ring.numberAt(position, point.headPage);
  const limitBytes = limitIn(pageNumber, point.endOffset);
  if (limitBytes === 0) {
    const { damage } = readPage(logFile, position, new Uint8Array(PAGE_BYTES));
    if (damage === undefined) return undefined;
    return { damage, replacement: { source: 'empty', bytes: new Uint8Array(PAGE_BYTES) }, ...DATA };
  }
  const copy = readCopy(place, logFile, pageNumber, limitBytes);
  const { damage } = copy;
  if (damage === undefined) return undefined;
  const replacement = replacementOf(state, copy, pageNumber, limitBytes);
  // Without the bytes there is nothing to do for a page that can be stored to: it stays what it is, a loss.
  const takesStores = damage.reason === 'lost' || damage.reason === 'damaged';
  return replacement.bytes === undefined && takesStores ? undefined : { damage, replacement, ...DATA };
}

/** Bytes for a committed page: only such as verify, and never fewer than the page itself still has. */
function replacementOf({ place, tail }: LogState, own: PageCopy, pageNumber: number, limitBytes: number): Replacement {
  if (tail?.pageNumber === pageNumber) return { source: 'memory', bytes: tail.image };
  for (const other of place.logFiles) {
    if (other === own.logFile) continue;
    const { image, parsed } = readCopy(place, other, pageNumber, limitBytes);
    if (parsed.state === 'damaged' || parsed.verifiedBytes < own.parsed.verifiedBytes) continue;
    image.fill(0, parsed.verifiedBytes);
    return { source: other.role, bytes: image };
  }
  return { source: 'lost', bytes: undefined };
}
