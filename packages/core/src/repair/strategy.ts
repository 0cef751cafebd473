/**
 * Chooses which repair to try, in which order. Two rules: a failed repair leaves things no worse, and a repair does not
 * take the machine down.
 *
 * The whole-page write comes first wherever the kernel has it (Linux 5.19), because its refusal changes nothing.
 * Zero-range comes first on ext4 before 5.19, where it stays in place and the write after it clears, and for listed
 * pages of a device where it was seen to clear at once and in place. After a refusal it follows only if relocation
 * cures that (a reflinked page on XFS) or if the kernel has nothing better and the caller allows relocation. On XFS a
 * page that is not shared can be refused like a shared one: a write of a shared page makes room for copies of the 32
 * around it (cowextsize), and while that is kept (half an hour, or until the inode leaves memory) a write of any of
 * them is a copy, which reads the bad page. Moving off such a page hands its block to free space, so the caller has to
 * allow it.
 *
 * A page whose pread says EFAULT is held back by the kernel after a machine check. On ext4 a write after zero-range
 * oopses the kernel there (measured on 6.12 and 7.3, e820 and virtio-pmem; 5.10 does not), so zero-range is never tried
 * on it, not even by name, whatever version the kernel states: vendors change old ones. The same happens with a listed
 * block that a mapping of 2 MiB met (measured on 7.3), and which mapping another process had cannot be known. XFS moves
 * the file off the block, which is safe, but hands the block to free space.
 */
import type { FileFacts } from '../driver/driver.js';
import { Errno } from '../errors/errno.js';
import { clearAbility, hasRecoveryWrite, type ZeroRangeBehaviour } from '../opening/file-info.js';
import type { RepairUnit } from './repair-unit.js';
import type { RepairStrategy, StrategyRequest } from './types.js';

/** The file, the machine and the device, on which the choice depends besides the unit. */
export interface RepairGround {
  readonly facts: FileFacts;
  readonly zeroRange: ZeroRangeBehaviour;
}

/** One for thousands of units that nothing was tried on. */
const NONE: ReadonlySet<RepairStrategy> = new Set();

/** The next strategy for a unit after its attempts failed, or undefined if nothing is left to try. */
export function nextStrategy(
  ground: RepairGround,
  request: StrategyRequest,
  unit: Pick<RepairUnit, 'shared' | 'attempts' | 'readErrno' | 'listed' | 'mayBeHuge'>,
): RepairStrategy | undefined {
  const { shared, attempts, readErrno } = unit;
  const tried = attempts.length === 0 ? NONE : new Set(attempts.map((attempt) => attempt.strategy));
  const { facts, zeroRange } = ground;
  const { allowRelocation } = request;
  const mayZero = isZeroRangeSafe(ground, unit, allowRelocation);
  if (request.strategy !== 'auto') {
    if (tried.size > 0 || (request.strategy === 'zero-range' && !mayZero)) return undefined;
    return request.strategy;
  }
  const hasWrite = hasRecoveryWrite(facts);
  const clearsAtOnce = zeroRange === 'clears-in-place' && unit.listed && readErrno === Errno.EIO;
  const clearsByWrite = !hasWrite && zeroRange === 'in-place' && clearAbility(facts) === 'yes';
  if (mayZero && (clearsAtOnce || clearsByWrite)) {
    return (['zero-range', 'recovery-write'] as const).find((strategy) => !tried.has(strategy));
  }
  if (!tried.has('recovery-write')) return 'recovery-write';
  if (tried.has('zero-range') || !mayZero) return undefined;
  const refusal = attempts.findLast((attempt) => attempt.step === 'pwrite')?.errno;
  // The write of a reflinked page fails with EIO. Moving off it leaves the block with the file that shares it.
  const curedByRelocation = shared && refusal === Errno.EIO;
  const nothingBetter = !hasWrite && allowRelocation;
  const heldBack = isHeldBack(readErrno) && allowRelocation;
  // XFS refuses a page beside one that it has copied in the same way: it keeps room for a copy of this one, too.
  const isSetAside = facts.dax && facts.filesystem === 'xfs' && refusal === Errno.EIO && allowRelocation;
  return curedByRelocation || nothingBetter || heldBack || isSetAside ? 'zero-range' : undefined;
}

/** The kernel has taken the page out of its own memory map: EFAULT or EHWPOISON instead of the EIO of a listed block. */
export function isHeldBack(readErrno: number): boolean {
  return readErrno === Errno.EFAULT || readErrno === Errno.EHWPOISON;
}

/** Of two answers about pages of a unit the one that decides what may be tried on it: one page held back is enough. */
export function weightierErrno(one: number, other: number): number {
  return other === 0 || isHeldBack(one) ? one : other;
}

function isZeroRangeSafe(
  { facts, zeroRange }: RepairGround,
  { readErrno, listed, mayBeHuge }: Pick<RepairUnit, 'readErrno' | 'listed' | 'mayBeHuge'>,
  allowRelocation: boolean,
): boolean {
  if (!facts.dax || readErrno === 0) return true;
  if (zeroRange === 'relocates') return !isHeldBack(readErrno) || allowRelocation;
  if (isHeldBack(readErrno)) return false;
  return !hasRecoveryWrite(facts) || (listed && !mayBeHuge);
}
