/** What a repair says about the units that it could not make usable, and what can be done about them. */
import type { FileBadBlock } from '../bad-blocks.js';
import { coalesce, overlappingOf } from '../byte-range.js';
import type { FileFacts } from '../driver.js';
import { errnoName } from '../errno.js';
import { RepairError } from '../errors.js';
import { zeroRangeBehaviour } from '../file-info.js';
import type { RepairReceipt, UnitSummary } from './receipt.js';
import type { StrategyRequest } from './strategy.js';
import { isHeldBack, nextStrategy } from './strategy.js';

export function failureOf(
  facts: FileFacts,
  failed: readonly UnitSummary[],
  request: StrategyRequest,
  receipt: RepairReceipt,
  blocks: readonly FileBadBlock[],
): RepairError {
  const attempts = failed.flatMap((unit) => unit.attempts);
  const details = { path: facts.path, ranges: coalesce(failed.map((unit) => unit.range)) };
  const heldBack = facts.dax && failed.every(({ range, attempts: own }) => {
    return overlappingOf(blocks, range).length === 0 && isHeldBack(own.findLast(({ step }) => step === 'pwrite')?.errno ?? 0);
  });
  if (heldBack) {
    const moves = zeroRangeBehaviour(facts) === 'relocates' ? 'repair with allowRelocation, ' : '';
    const message =
      'the kernel holds these pages back after a machine check and its bad-block list does not have them: ' +
      `${moves}let root enter their sectors into /sys/dev/block/${facts.device}/badblocks, or restart the machine`;
    return new RepairError(message, attempts, details, receipt, 'ERR_PMEM_HELD_BACK');
  }
  const steps = attempts.slice(0, 4).map(({ strategy, step, errno }) => {
    return `${strategy}: ${step} ${errno === 0 ? 'found other bytes' : `gave ${errnoName(errno)}`}`;
  });
  const asked = steps.length === 0 ? `strategy ${request.strategy} may not be tried on them` : steps.join('; ');
  return new RepairError(`repair failed (${asked})${advice(facts, failed, request)}`, attempts, details, receipt);
}

/** What the caller did not allow, and what would have been tried next. */
function advice(facts: FileFacts, failed: readonly UnitSummary[], request: StrategyRequest): string {
  if (request.allowRelocation || request.strategy !== 'auto') return '';
  const wouldMove = failed.some(({ attempts }) => {
    return nextStrategy(facts, { ...request, allowRelocation: true }, { shared: false, attempts: [...attempts], readErrno: 0 }) !== undefined;
  });
  return wouldMove ? '; allowRelocation: true would move the file off its bad blocks, which go back to free space' : '';
}
