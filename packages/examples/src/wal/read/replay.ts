/** Putting records together again, and saying exactly which ones are missing. */
import type { Fragment } from '../format/data-page.js';
import type { SequenceRange } from '../format/commit-slot.js';
import type { Damage } from '../log-files.js';
import type { PageView } from './read-pages.js';

/** A record, intact. */
export interface ReplayedRecord {
  readonly type: 'record';
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/** Records that cannot be returned: `first` … `last`, both included. */
export interface LostRecords {
  readonly type: 'lost';
  readonly first: number;
  /** Undefined if the commit point is lost: it is unknown how many records there were from `first` on. */
  readonly last: number | undefined;
  /**
   * True: each of these records was committed. False: some may never have been, because a crash cut off the commit
   * that they were part of and their page is lost; or, if the commit point is lost, some may have been dropped by
   * truncate() before.
   */
  readonly certain: boolean;
  /** The pages that could not be read, and why. */
  readonly damage: readonly Damage[];
}

export type ReplayItem = ReplayedRecord | LostRecords;

export interface ReplayOptions {
  /** The first record to be accounted for, instead of the oldest one. Records before it are not read. */
  readonly from?: number;
}

/** The records that the log must account for. */
export interface ReplayBounds {
  readonly firstSequence: number;
  /** Undefined if the commit point is lost. */
  readonly lastSequence: number | undefined;
  /** Records of which it is unknown whether they were committed, if they are lost. */
  readonly doubtful?: SequenceRange | undefined;
}

/**
 * Goes through `pages` in the order of their numbers and accounts for every record of `bounds` exactly once, in order:
 * a record if all of its fragments are there, a loss otherwise. Fragments carry the sequence of their record, so the
 * first fragment after a gap tells which records are lost in the gap; after the last page, `bounds.lastSequence` does.
 * Pages that cannot be read may be left out.
 */
export function* assemble(pages: Iterable<PageView>, bounds: ReplayBounds): Generator<ReplayItem, void, undefined> {
  const highest = bounds.lastSequence ?? Number.MAX_SAFE_INTEGER;
  let expected = bounds.firstSequence;
  let parts: Fragment[] = [];
  let collectedBytes = 0;
  let damage: Damage[] = [];

  for (const page of pages) {
    for (const fragment of page.best.parsed.fragments) {
      // Below `expected` lie records that were dropped, and the rest of records already reported lost.
      if (!(fragment.sequence >= expected && fragment.sequence <= highest)) continue;
      const continues = fragment.sequence === expected && fragment.offset === collectedBytes;
      if (!continues) {
        const last = fragment.offset === 0 ? fragment.sequence - 1 : fragment.sequence;
        if (last >= expected) yield* losses(expected, last, bounds, damage);
        damage = [];
        parts = [];
        collectedBytes = 0;
        expected = last + 1;
        if (fragment.offset !== 0) continue;
      }
      parts.push(fragment);
      collectedBytes += fragment.payload.length;
      if (collectedBytes < fragment.recordBytes) continue;
      yield { type: 'record', sequence: expected, payload: join(parts, collectedBytes) };
      damage = [];
      parts = [];
      collectedBytes = 0;
      expected++;
    }
    damage.push(...page.damage);
  }
  if (bounds.lastSequence === undefined || expected <= bounds.lastSequence) {
    yield* losses(expected, bounds.lastSequence, bounds, damage);
  }
}

/** One loss, or one for each part of it that is of one kind. */
function* losses(
  first: number,
  last: number | undefined,
  { lastSequence, doubtful }: ReplayBounds,
  damage: readonly Damage[],
): Generator<LostRecords, void, undefined> {
  if (lastSequence === undefined || last === undefined) {
    yield { type: 'lost', first, last, certain: false, damage };
    return;
  }
  const from = Math.max(first, doubtful?.first ?? Infinity);
  const to = Math.min(last, doubtful?.last ?? -Infinity);
  if (from > to) {
    yield { type: 'lost', first, last, certain: true, damage };
    return;
  }
  if (first < from) yield { type: 'lost', first, last: from - 1, certain: true, damage };
  yield { type: 'lost', first: from, last: to, certain: false, damage };
  if (to < last) yield { type: 'lost', first: to + 1, last, certain: true, damage };
}

/** Always a copy: a payload must not hold on to its page. */
function join(parts: readonly Fragment[], totalBytes: number): Uint8Array {
  const payload = new Uint8Array(totalBytes);
  for (const part of parts) payload.set(part.payload, part.offset);
  return payload;
}
