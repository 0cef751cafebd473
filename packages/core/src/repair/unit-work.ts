import type { ByteRange } from '../byte-range.js';
import { alignOut, coalesce, intersect, rangeEnd } from '../byte-range.js';
import type { RepairAttempt } from '../errors.js';
import type { Intent } from './journal-format.js';
import type { RepairStrategy } from './receipt.js';

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
  /** The block is shared with another file (reflink). */
  readonly shared: boolean;
  readonly attempts: RepairAttempt[];
  /** The strategy that worked, once one has. */
  strategy: RepairStrategy | undefined;
  /**
   * A reset or a write reached the unit: from here on it is not what it was, and the intent has to stay in the journal
   * until the unit is verified.
   */
  altered: boolean;
}

export interface StepFailure {
  readonly step: string;
  readonly errno: number;
}

export function record(work: UnitWork, strategy: RepairStrategy, failure: StepFailure): void {
  work.attempts.push({ range: work.data, strategy, ...failure });
}

/** The aligned units that `ranges` touch, ascending, adjacent ones apart, each clipped to the file as `data`. */
export function planUnits(
  ranges: readonly ByteRange[],
  unitBytes: number,
  fileSizeBytes: number,
): UnitPlan[] {
  const file: ByteRange = { offset: 0, length: fileSizeBytes };
  const units: UnitPlan[] = [];
  for (const run of coalesce(ranges.map((range) => alignOut(range, unitBytes)))) {
    for (let offset = run.offset; offset < rangeEnd(run); offset += unitBytes) {
      const unit: ByteRange = { offset, length: unitBytes };
      const data = intersect(unit, file);
      if (data !== undefined) units.push({ unit, data });
    }
  }
  return units;
}

export function intentOf(work: UnitWork, fileSizeBytes: number): Intent {
  return { offset: work.data.offset, length: work.data.length, content: work.content, fileSizeBytes };
}
