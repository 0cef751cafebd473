/** Putting records together again, and saying exactly which ones are missing. */
import type { Fragment } from './data-page.js';
import type { Damage } from './members.js';
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
  /** Undefined where the commit point is lost: nobody knows how many records there were from `first` on. */
  readonly last: number | undefined;
  /**
   * True: each of these records was committed. False, only where the commit point is lost: some may have been dropped
   * by truncate() before, or may never have been committed.
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
  /** Undefined where the commit point is lost. */
  readonly lastSequence: number | undefined;
}

/**
 * Goes through `pages` in the order of their numbers and accounts for every record of `bounds` exactly once, in
 * order: a record where all of its fragments are there, a loss otherwise. Fragments carry the sequence of their
 * record, so the first fragment behind a gap tells which records the gap has swallowed; behind the last page,
 * `bounds.lastSequence` does. Pages that cannot be read may be left out.
 */
export function* assemble(pages: Iterable<PageView>, bounds: ReplayBounds): Generator<ReplayItem, void, undefined> {
  const certain = bounds.lastSequence !== undefined;
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
        if (last >= expected) yield { type: 'lost', first: expected, last, certain, damage };
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
    yield { type: 'lost', first: expected, last: bounds.lastSequence, certain, damage };
  }
}

/** Always a copy: a payload must not hold on to its page. */
function join(parts: readonly Fragment[], totalBytes: number): Uint8Array {
  const payload = new Uint8Array(totalBytes);
  for (const part of parts) payload.set(part.payload, part.offset);
  return payload;
}
