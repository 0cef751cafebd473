/** The error of a repair that could not make all units usable, and what can be done about them. */
import type { FileBadBlock } from '../rescue/bad-blocks.js';
import { coalesce, overlappingOf } from '../ranges/byte-range.js';
import { errnoName } from '../errors/errno.js';
import { RepairError } from '../errors/errors.js';
import type { RepairReceipt } from './receipt.js';
import type { RepairUnit } from './repair-unit.js';
import { isHeldBack, nextStrategy, type RepairGround } from './strategy.js';
import type { StrategyRequest } from './types.js';

const OTHER_BYTES = 'found other bytes: another process has stored there meanwhile, or the device is wrong';
const STORED_SINCE =
  'other processes have stored into bytes that were lost there: read them, and write what is still lost';

/** The kernel's list, before and after the repair. */
export interface ListedBlocks {
  readonly before: readonly FileBadBlock[];
  readonly after: readonly FileBadBlock[];
}

export function failureOf(
  ground: RepairGround,
  failed: readonly RepairUnit[],
  request: StrategyRequest,
  receipt: RepairReceipt,
  listed: ListedBlocks,
): RepairError {
  const { facts } = ground;
  const attempts = failed.flatMap((unit) => unit.attempts);
  const details = { path: facts.path, ranges: coalesce(failed.map((unit) => unit.data)) };
  const heldBack = facts.dax && failed.every(({ data, attempts: own }) => {
    const refusal = own.findLast(({ step }) => step === 'pwrite')?.errno ?? 0;
    return isHeldBack(refusal) && overlappingOf(listed.after, data).length === 0;
  });
  if (heldBack) {
    const message = heldBackMessage(ground, failed, listed.before);
    return new RepairError(message, attempts, details, receipt, 'ERR_PMEM_HELD_BACK');
  }
  const steps = attempts.slice(0, 4).map(({ strategy, step, errno }) => {
    return `${strategy}: ${step} ${errno === 0 ? OTHER_BYTES : `gave ${errnoName(errno)}`}`;
  });
  const asked = steps.length > 0 ? steps.join('; ')
    : failed.some(({ state }) => state === 'holds-others') ? STORED_SINCE
    : `strategy ${request.strategy} may not be tried on them`;
  return new RepairError(`repair failed (${asked})${advice(ground, failed, request)}`, attempts, details, receipt);
}

function heldBackMessage(
  { facts, zeroRange }: RepairGround, failed: readonly RepairUnit[], before: readonly FileBadBlock[],
): string {
  // The refused write may strike a page that 2 MiB met from the list, and leave it out of the memory map.
  const wereListed = failed.every(({ data }) => overlappingOf(before, data).length > 0);
  const ways = ['restart the machine'];
  if (!wereListed) ways.unshift(`let root enter their sectors into /sys/dev/block/${facts.device}/badblocks`);
  if (zeroRange === 'relocates') ways.unshift('repair with allowRelocation');
  const list = wereListed
    ? 'the refused write struck them from its bad-block list'
    : 'its bad-block list does not have them';
  return `the kernel holds these pages back after a machine check and ${list}: ${ways.join(', or ')}`;
}

/** Names the option that the caller did not allow and that would have been tried next. */
function advice(ground: RepairGround, failed: readonly RepairUnit[], request: StrategyRequest): string {
  if (request.allowRelocation || request.strategy !== 'auto') return '';
  const wouldMove = failed.some(({ attempts, state }) => {
    if (state === 'holds-others') return false;
    const unit = { shared: false, attempts, readErrno: 0, listed: true, mayBeHuge: false };
    return nextStrategy(ground, { ...request, allowRelocation: true }, unit) !== undefined;
  });
  return wouldMove ? '; allowRelocation: true would move the file off its bad blocks, which go back to free space' : '';
}
