/**
 * Which repair to try, in which order. One rule: a failed repair leaves things no worse.
 *
 * Zero-range first only where it stays in place and the device is known to clear: it leaves zeros, never arbitrary
 * bytes, if the machine dies before the write, and works on every kernel. Otherwise the whole-page write comes first,
 * because its refusal changes nothing, while a zero-range would hand a poisoned block to somebody else (xfs) or
 * leave a page that reads as zeros and can never be written (a device that cannot clear).
 */
import type { FileFacts } from '../driver.js';
import { Errno } from '../errno.js';
import type { RepairAttempt } from '../errors.js';
import { clearAbility, hasRecoveryWrite, zeroRangeBehaviour } from '../file-info.js';
import type { RepairStrategy } from './receipt.js';

export interface StrategyRequest {
  readonly strategy: 'auto' | RepairStrategy;
  /** The caller accepts that a poisoned block may go back to free space. */
  readonly allowRelocation: boolean;
}

/** The next strategy for a unit after `attempts` failed, or undefined where nothing is left to try. */
export function nextStrategy(
  facts: FileFacts,
  request: StrategyRequest,
  shared: boolean,
  attempts: readonly RepairAttempt[],
): RepairStrategy | undefined {
  const tried = new Set(attempts.map((attempt) => attempt.strategy));
  if (request.strategy !== 'auto') return tried.size === 0 ? request.strategy : undefined;
  if (zeroRangeBehaviour(facts) === 'in-place' && clearAbility(facts) === 'yes') {
    return (['zero-range', 'recovery-write'] as const).find((strategy) => !tried.has(strategy));
  }
  if (!tried.has('recovery-write')) return 'recovery-write';
  if (tried.has('zero-range')) return undefined;
  const refusal = attempts.findLast((attempt) => attempt.step === 'pwrite')?.errno;
  // The write of a reflinked page fails with EIO. Moving off it leaves the block with the file that shares it.
  const curedByRelocation = shared && refusal === Errno.EIO;
  const nothingBetter = !hasRecoveryWrite(facts) && request.allowRelocation;
  return curedByRelocation || nothingBetter ? 'zero-range' : undefined;
}
