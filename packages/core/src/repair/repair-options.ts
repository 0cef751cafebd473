import { ownOptions, requireBoolean, requireFunction, requireInteger, requireOneOf } from '../arguments.js';
import type { Rebuild } from './prepare-units.js';
import type { RepairStrategy } from './receipt.js';
import type { RepairProgress, RepairRequest } from './repair.js';

export interface RepairOptions {
  /** Supplies lost bytes: called with ranges of at most one batch, returns exactly that many bytes, or undefined: they stay lost. */
  readonly rebuild?: Rebuild;
  /** Accepts this byte (0–255) as data in place of every lost one. */
  readonly fill?: number;
  /** Default `auto`: the order that leaves a failed repair no worse, see docs/concepts/repair.md. */
  readonly strategy?: 'auto' | RepairStrategy;
  /** Permit handing a poisoned block back to free space where the kernel has no other way. Default false. */
  readonly allowRelocation?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: RepairProgress) => void;
}

/** Checks options and fills in defaults. Throws TypeError, RangeError, or the reason of a signal already aborted. */
export function repairRequest(options: RepairOptions): RepairRequest {
  const own = ownOptions(options, ['rebuild', 'fill', 'strategy', 'allowRelocation', 'signal', 'onProgress']);
  const { rebuild, fill, strategy = 'auto', allowRelocation, signal, onProgress } = own;
  requireFunction('rebuild', rebuild);
  requireFunction('onProgress', onProgress);
  requireBoolean('allowRelocation', allowRelocation);
  requireOneOf('strategy', strategy, ['auto', 'zero-range', 'recovery-write']);
  if (fill !== undefined) {
    requireInteger('fill', fill);
    if (fill > 255) throw new RangeError(`fill must be a byte, got ${fill}`);
    if (rebuild !== undefined) throw new TypeError('rebuild and fill exclude each other');
  }
  signal?.throwIfAborted();
  return { rebuild, fill, strategy, allowRelocation: allowRelocation ?? false, signal, onProgress };
}
