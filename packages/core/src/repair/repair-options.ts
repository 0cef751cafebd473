import { ownOptions, requireBoolean, requireFunction, requireInteger, requireOneOf } from '../arguments.js';
import type { Rebuild } from './prepare-units.js';
import type { RepairStrategy } from './receipt.js';
import type { RepairProgress, RepairRequest } from './repair.js';

export interface RepairOptions {
  /** Supplies lost bytes: called with ranges of at most one batch, returns exactly that many bytes, or undefined: they stay lost. */
  readonly rebuild?: Rebuild;
  /**
   * Puts what `rebuild` returns into the repair journal first, so that after a crash open() finishes the repair. By
   * default a unit of which nothing was left is only noted there, which halves what is written: after a crash it is
   * lost (`ERR_PMEM_LOST`), and is rebuilt by the next repair(). What a unit still held is always in the journal.
   * Default false.
   */
  readonly journalRebuilt?: boolean;
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
