/** Finds what is missing in the ring: which bytes of which records, and the room that they lay in. */
import type { Fragment } from '../format/data-page.js';
import { PAGE_BYTES } from '../format/format.js';
import type { CommitPoint } from '../format/commit-slot.js';
import type { LogFiles } from '../read/read-pages.js';
import { committedPages } from '../read/find-page.js';

/** Bytes `from` … `to` of a record; `to` undefined: to its end. */
export interface MissingPiece {
  readonly sequence: number;
  readonly from: number;
  readonly to: number | undefined;
}

/** A part of a record that is still there, against which a copy from elsewhere is checked. */
export interface Witness {
  readonly sequence: number;
  readonly recordBytes: number;
  readonly offset: number;
  readonly payload: Uint8Array;
}

/** Missing pieces, in order, and the stretch of the log from `start` to `end` that held them, in log offsets. */
export interface Gap {
  readonly pieces: readonly MissingPiece[];
  readonly witnesses: readonly Witness[];
  readonly start: number;
  readonly end: number;
}

/** So many pages are read before the event loop has its turn. */
const PAGES_PER_TURN = 64;

/** Every gap between the records of the log, from the oldest on. Reads every page of it. */
export async function* findGaps(place: LogFiles, point: CommitPoint): AsyncGenerator<Gap, void, undefined> {
  let next = { sequence: point.firstSequence, offset: 0 };
  let begun: Witness[] = [];
  let start = point.headPage * PAGE_BYTES;
  for (const { pageNumber, best } of committedPages(place, point)) {
    if (pageNumber % PAGES_PER_TURN === 0) await new Promise(setImmediate);
    const base = pageNumber * PAGE_BYTES;
    for (const fragment of best.parsed.fragments) {
      if (isBefore(fragment, next) || fragment.sequence > point.lastSequence) continue;
      if (fragment.sequence !== next.sequence || fragment.offset !== next.offset) {
        const pieces = piecesBetween(next, fragment);
        yield { pieces, witnesses: [...begun, copyOf(fragment)], start, end: base };
      }
      const isNew = fragment.sequence !== begun[0]?.sequence;
      const end = fragment.offset + fragment.payload.length;
      const isWhole = end >= fragment.recordBytes;
      begun = isWhole ? [] : [...(isNew ? [] : begun), copyOf(fragment)];
      next = isWhole ? { sequence: fragment.sequence + 1, offset: 0 } : { sequence: fragment.sequence, offset: end };
    }
    if (best.parsed.verifiedBytes > 0) {
      const isDamaged = best.parsed.state === 'damaged';
      start = isDamaged ? base + best.parsed.verifiedBytes : base + PAGE_BYTES;
    }
  }
  if (next.sequence <= point.lastSequence) {
    const pieces = piecesBetween(next, { sequence: point.lastSequence + 1, offset: 0 });
    yield { pieces, witnesses: begun, start, end: point.endOffset };
  }
}

function isBefore(fragment: Fragment, next: { readonly sequence: number; readonly offset: number }): boolean {
  return fragment.sequence < next.sequence || (fragment.sequence === next.sequence && fragment.offset < next.offset);
}

function piecesBetween(
  from: { readonly sequence: number; readonly offset: number },
  to: { readonly sequence: number; readonly offset: number },
): MissingPiece[] {
  const pieces: MissingPiece[] = [];
  for (let sequence = from.sequence; sequence <= to.sequence; sequence++) {
    const start = sequence === from.sequence ? from.offset : 0;
    if (sequence < to.sequence) pieces.push({ sequence, from: start, to: undefined });
    else if (to.offset > 0) pieces.push({ sequence, from: start, to: to.offset });
  }
  return pieces;
}

/** A copy: a witness must not hold on to its page. */
function copyOf({ sequence, recordBytes, offset, payload }: Fragment): Witness {
  return { sequence, recordBytes, offset, payload: payload.slice() };
}
