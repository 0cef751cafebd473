/** Checks changes before the store takes them, and cuts bounds of ranges that are longer than any key. */
import type { Bytes } from './bytes.js';
import { compareBytes, keyAfter, requireBytes } from './bytes.js';
import { KEY_BYTES_MAX } from './format.js';
import type { Change } from './change.js';

/** Shortens a bound that is longer than every key to one that as many keys come before. */
export function shortBound(bound: Bytes): Bytes {
  return bound.length <= KEY_BYTES_MAX + 1 ? bound : keyAfter(bound.subarray(0, KEY_BYTES_MAX));
}

/**
 * Returns the changes that have an effect, with bounds of any length shortened. Throws TypeError or RangeError for what
 * is not a change.
 */
export function checkedChanges(changes: readonly Change[]): readonly Change[] {
  return changes.map(checkedChange).filter((change) => !clearsNothing(change));
}

function checkedChange(change: Change): Change {
  if (change.type === 'clear') {
    const { from, to } = change;
    requireBytes(from, 'from');
    if (to !== undefined) requireBytes(to, 'to');
    return { type: 'clear', from: shortBound(from), to: to && shortBound(to) };
  }
  requireBytes(change.key, 'key');
  const { length } = change.key;
  if (length > KEY_BYTES_MAX) throw new RangeError(`a key has at most ${KEY_BYTES_MAX} bytes, not ${length}`);
  if (change.type === 'put') requireBytes(change.value, 'value');
  return change;
}

function clearsNothing(change: Change): boolean {
  return change.type === 'clear' && change.to !== undefined && compareBytes(change.from, change.to) >= 0;
}
