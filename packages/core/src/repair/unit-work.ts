import type { ByteRange } from '../ranges/byte-range.js';
import { intersect } from '../ranges/byte-range.js';
import type { Intent } from './journal/format.js';
import type { RepairAttempt, RepairStrategy } from './receipt.js';

export interface UnitPlan {
  /** The whole aligned unit; the last one of a file may reach past its end. */
  readonly unit: ByteRange;
  /** The unit clipped to the file. */
  readonly data: ByteRange;
}

/** One unit on its way through a repair. */
export interface UnitWork extends UnitPlan {
  /** What `data` is to hold. */
  readonly content: Uint8Array;
  /** Nothing was left of the unit and the application can supply it again: its intent is bare. */
  readonly suppliable: boolean;
  /** The block is shared with another file (reflink). */
  readonly shared: boolean;
  /** The kernel's list has a block of the unit. False if there is no list. */
  readonly listed: boolean;
  /** A bad block of the unit lies where a process may have mapped 2 MiB by one entry. */
  readonly mayBeHuge: boolean;
  /** What pread(2) of the unit gave: 0, or an errno by which the kernel says that the medium cannot give the bytes. */
  readErrno: number;
  readonly attempts: RepairAttempt[];
  /** The strategy that worked, once one has. */
  strategy: RepairStrategy | undefined;
  /**
   * A reset or a write reached the unit: from here on it is not what it was, and the intent has to stay in the journal
   * until the unit is verified.
   */
  altered: boolean;
  /**
   * It reads well, and what it holds is neither what was written nor zeros: another process has stored there meanwhile,
   * or the device gives other bytes than it was given. Nothing more is written to it, and nothing of it is hidden.
   */
  holdsOthers?: boolean;
}

export interface StepFailure {
  readonly step: string;
  readonly errno: number;
}

/** Half done: what it was is gone, and what it is to be is not there. */
export function isOpen({ strategy, altered, holdsOthers }: UnitWork): boolean {
  return strategy === undefined && altered && holdsOthers !== true;
}

/** All zeros: a zero-range, a hole and a file that was cut off leave such bytes, so they prove nothing. */
export function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

export function record(work: UnitWork, strategy: RepairStrategy, failure: StepFailure): void {
  work.attempts.push({ range: work.data, strategy, ...failure });
}

/** The unit at `offset`, clipped to the file as `data`. `offset` is aligned and inside the file. */
export function planUnit(offset: number, unitBytes: number, fileSizeBytes: number): UnitPlan {
  const unit: ByteRange = { offset, length: unitBytes };
  return { unit, data: intersect(unit, { offset: 0, length: fileSizeBytes }) ?? unit };
}

export function intentOf({ data, content, suppliable }: UnitWork, fileSizeBytes: number): Intent {
  return { offset: data.offset, length: data.length, content: suppliable ? undefined : content, fileSizeBytes };
}
