/** Checks what repair() is asked for. */
import { ownOptions, requireBoolean, requireFunction, requireInteger, requireOneOf } from '../arguments.js';
import type { RepairOptions, RepairRequest } from './types.js';

/** Checks options and fills in defaults. Throws TypeError, RangeError, or the reason of a signal already aborted. */
export function repairRequest(options: RepairOptions): RepairRequest {
  const names = ['rebuild', 'journalRebuilt', 'fill', 'strategy', 'allowRelocation', 'signal', 'onProgress'] as const;
  const own = ownOptions(options, names);
  const { rebuild, journalRebuilt, fill, strategy = 'auto', allowRelocation, signal, onProgress } = own;
  requireFunction('rebuild', rebuild);
  requireFunction('onProgress', onProgress);
  requireBoolean('allowRelocation', allowRelocation);
  requireBoolean('journalRebuilt', journalRebuilt);
  requireOneOf('strategy', strategy, ['auto', 'zero-range', 'recovery-write']);
  if (fill !== undefined) {
    requireInteger('fill', fill);
    if (fill > 255) throw new RangeError(`fill must be a byte, got ${fill}`);
    if (rebuild !== undefined) throw new TypeError('rebuild and fill exclude each other');
  }
  signal?.throwIfAborted();
  const agreed = { allowRelocation: allowRelocation ?? false, journalRebuilt: journalRebuilt ?? false };
  return { rebuild, fill, strategy, ...agreed, signal, onProgress };
}
