import { type ByteRange, subtract } from '../ranges/byte-range.js';
import { isAllOf, type RepairUnit } from './repair-unit.js';

/** Bytes of units of which the journal has to say something else once their intents are in it. */
export interface RecordedStates {
  /** Not known to be zeros any more: what cannot be read may be anything if the machine dies once it is cleared. */
  readonly unknown: readonly ByteRange[];
  /** No losses of their own any more. */
  readonly settled: readonly ByteRange[];
  /** Lost, and not supplied by the caller. */
  readonly tombstoned: readonly ByteRange[];
  /** Lost, and zeros once the page can be read: no read could give it, so it holds what is written now. */
  readonly unread: readonly ByteRange[];
}

/** Looks once at each unit: there may be thousands. */
export function recordedStates(units: readonly RepairUnit[]): RecordedStates {
  const unknown: ByteRange[] = [];
  const settled: ByteRange[] = [];
  const tombstoned: ByteRange[] = [];
  const unread: ByteRange[] = [];
  for (const unit of units) {
    const isUntouched = unit.state === 'untouched';
    if (unit.state === 'half-done' || unit.readErrno !== 0) unknown.push(unit.data);
    for (const range of unit.tombstoned) {
      tombstoned.push(range);
      if (isUntouched && unit.isGone) unread.push(range);
    }
    // A bare intent calls all of its page lost, until the page can be read: then it was written whole.
    if (isUntouched && unit.suppliable) settled.push(unit.data);
    // What a repair keeps of a page is on the medium already, also if this process dies before it writes.
    else if (isUntouched) for (const range of keptOf(unit)) settled.push(range);
  }
  return { unknown, settled, tombstoned, unread };
}

function keptOf({ data, lost }: RepairUnit): readonly ByteRange[] {
  return isAllOf(data, lost) ? [] : subtract([data], lost);
}
