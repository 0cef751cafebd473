/**
 * Finds out whether zero-range clears media errors at once and in place, which the kernel's version does not say:
 * released kernels do not, a kernel with the patches of 2021, or with a set like them, does.
 *
 * Two steps, once for a device. First a trial on a healthy block of a file without a name: stock ext4 leaves the block
 * unwritten, stock XFS frees it, and only where it is still there and still written can zero-range have reached the
 * media. That harms nothing, and on a device that may not clear poison not even that is done: what the trial is given
 * from free space could be poison. Then, if the trial passed, zero-range comes before the write of the next listed page
 * that is to be repaired, and is believed if the page is off the list, readable, and where it was. The intent is
 * durable by then, so nothing depends on the outcome.
 */
import { queryBadBlocks } from '../rescue/bad-blocks.js';
import type { ByteRange } from '../ranges/byte-range.js';
import { rangeEnd } from '../ranges/byte-range.js';
import type { CompleteFile, Extent, FileFacts, ZeroRangeTrial } from '../driver/driver.js';
import { Errno } from '../errors/errno.js';
import { clearAbility, stockZeroRange, type ZeroRangeBehaviour } from '../opening/file-info.js';
import type { RepairUnit } from './repair-unit.js';

/**
 * `untried`: nothing is known. `stock`: the trial's block did not stay as it was. `reaches-media`: it did, no bad page
 * has been tried. `clears`, `does-not-clear`: one has.
 */
type Knowledge = 'untried' | 'stock' | 'reaches-media' | 'clears' | 'does-not-clear';

/** The place of bytes on the device, and whether the kernel lists any of them. */
interface Place {
  readonly physicalOffset: number;
  readonly isListed: boolean;
}

const knowledgeOf = new WeakMap<object, Knowledge>();

type OfDevice = Pick<CompleteFile, 'facts' | 'deviceIdentity'>;

/** The effect of zero-range on the device of the file, as far as it is known now. */
export function zeroRangeOf({ facts, deviceIdentity }: OfDevice): ZeroRangeBehaviour {
  const known = deviceIdentity === undefined ? undefined : knowledgeOf.get(deviceIdentity);
  if (known === 'clears') return 'clears-in-place';
  return known === 'reaches-media' || known === 'does-not-clear' ? 'in-place' : stockZeroRange(facts);
}

/**
 * Learns what can be learnt from one of `units`, whose intents are durable. A unit that was tried holds zeros
 * afterwards, or is as it was and has the refusal among its attempts: it still has to be written.
 */
export async function learnZeroRange(file: CompleteFile, units: readonly RepairUnit[]): Promise<void> {
  const { deviceIdentity } = file;
  if (deviceIdentity === undefined || !mayTry(file.facts)) return;
  const known = knowledgeOf.get(deviceIdentity) ?? 'untried';
  if (known !== 'untried' && known !== 'reaches-media') return;
  const unit = units.find(isProof);
  if (unit === undefined) return;
  const tried = known === 'untried' ? await onHealthyBlock(file) : known;
  knowledgeOf.set(deviceIdentity, tried === 'reaches-media' ? await onBadUnit(file, unit) : tried);
}

function mayTry(facts: FileFacts): boolean {
  return facts.dax && clearAbility(facts) === 'yes';
}

/**
 * A page that the kernel lists and does not hold back, in a block of this file alone, and met by no mapping of 2 MiB.
 */
function isProof({ listed, readErrno, shared, mayBeHuge, attempts }: RepairUnit): boolean {
  return listed && readErrno === Errno.EIO && !shared && !mayBeHuge && attempts.length === 0;
}

async function onHealthyBlock(file: CompleteFile): Promise<Knowledge> {
  const outcome = await file.tryZeroRange?.();
  // No space, no descriptor: next time it may go better.
  if (outcome === undefined || 'failure' in outcome) return 'untried';
  return reachedMedia(outcome) ? 'reaches-media' : 'stock';
}

function reachedMedia({ dax, before, after, readsZeros }: ZeroRangeTrial): boolean {
  const [first] = before;
  const [last] = after;
  if (first === undefined || last === undefined || before.length > 1 || after.length > 1) return false;
  return dax && readsZeros && isOwnWritten(first) && isOwnWritten(last) && first.physicalOffset === last.physicalOffset;
}

function isOwnWritten({ unwritten, shared, unmapped }: Extent): boolean {
  return !unwritten && !shared && !unmapped;
}

async function onBadUnit(file: CompleteFile, unit: RepairUnit): Promise<Knowledge> {
  const { data } = unit;
  const before = await placeOf(file, data);
  if (before?.isListed !== true) return 'reaches-media';
  const failure = await file.zeroRange(unit.unit.offset, unit.unit.length);
  if (failure !== undefined) {
    unit.begin('zero-range');
    unit.failed({ step: failure.syscall, errno: failure.errno });
    return failure.errno === Errno.EIO ? 'does-not-clear' : 'reaches-media';
  }
  unit.zeroed();
  const after = await placeOf(file, data);
  const isCleared = after !== undefined && !after.isListed && after.physicalOffset === before.physicalOffset;
  if (!isCleared) return 'does-not-clear';
  const { errno, transferredBytes } = await file.pread(new Uint8Array(data.length), data.offset);
  return errno === 0 && transferredBytes === data.length ? 'clears' : 'does-not-clear';
}

/** Undefined unless the bytes are one written extent of this file alone, or if the list cannot be read. */
async function placeOf(file: CompleteFile, data: ByteRange): Promise<Place | undefined> {
  const found = await queryBadBlocks(file, data, true);
  if (!found.supported) return undefined;
  const [extent] = found.extents.filter((each) => each.offset <= data.offset && rangeEnd(each) >= rangeEnd(data));
  if (extent === undefined || !isOwnWritten(extent)) return undefined;
  return { physicalOffset: extent.physicalOffset + data.offset - extent.offset, isListed: found.blocks.length > 0 };
}
