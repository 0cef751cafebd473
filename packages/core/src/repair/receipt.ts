import type { FileBadBlocks } from '../rescue/bad-blocks.js';
import type { ByteRange } from '../ranges/byte-range.js';
import { firstEndingAfter, overlappingOf } from '../ranges/byte-range.js';
import type { Extent } from '../driver/driver.js';
import type { RepairUnit } from './repair-unit.js';
import type { RepairAttempt, RepairStrategy } from './types.js';

/**
 * The outcome of one repair unit.
 *
 * - `healthy`: nothing was wrong with it, nothing was changed.
 * - `cleared`: the same block, rewritten, verified, and no longer listed by the kernel.
 * - `relocated`: the file has another block there now; the old one may still be poisoned (see `released`).
 * - `still-listed`: written and verified, yet the kernel still lists the block.
 * - `unverifiable`: written and verified by reading, on a device whose bad-block list cannot be read.
 * - `failed`: no strategy worked; see `attempts`. The unit stays with the file and stays known to be bad. Without
 *   attempts: others have stored into what was lost there, and nothing was done to it.
 */
export type RepairOutcome = 'healthy' | 'cleared' | 'relocated' | 'still-listed' | 'unverifiable' | 'failed';

export interface RepairedUnit {
  /** The unit, clipped to the end of the file. Adjoining healthy units are one entry. */
  readonly range: ByteRange;
  readonly outcome: RepairOutcome;
  /** The strategy that worked; undefined for a healthy unit and for one that failed. */
  readonly strategy: RepairStrategy | undefined;
  /** Every step that failed, also if another one worked in the end. */
  readonly attempts: readonly RepairAttempt[];
  /** Bytes that the medium could not give back. */
  readonly lost: readonly ByteRange[];
  /** Lost bytes that hold what `rebuild` returned. */
  readonly rebuilt: readonly ByteRange[];
  /** Lost bytes that hold the `fill` byte, accepted by the caller as data. */
  readonly filled: readonly ByteRange[];
  /** Lost bytes that were not supplied: reads throw ERR_PMEM_LOST until they are written and persisted. */
  readonly tombstoned: readonly ByteRange[];
  /** Poisoned blocks, as bytes on the device, that a relocation handed back to the filesystem's free space. */
  readonly released: readonly ByteRange[];
}

/** Every unit that the repair reached, in ascending order. */
export interface RepairReceipt {
  readonly units: readonly RepairedUnit[];
}

export function healthyUnits(range: ByteRange): RepairedUnit {
  return {
    range,
    outcome: 'healthy',
    strategy: undefined,
    attempts: [],
    lost: [],
    rebuilt: [],
    filled: [],
    tombstoned: [],
    released: [],
  };
}

/** Reports a unit that the repair worked on, by the kernel's list before and after. */
export function reportUnit(unit: RepairUnit, before: FileBadBlocks, after: FileBadBlocks): RepairedUnit {
  const { data: range, attempts, lost } = unit;
  if (unit.state !== 'repaired') {
    return { ...healthyUnits(range), outcome: 'failed', attempts, lost };
  }
  const { strategy, rebuilt, filled, tombstoned } = unit;
  const [outcome, released] = outcomeOf(range, before, after);
  return { range, outcome, strategy, attempts, lost, rebuilt, filled, tombstoned, released };
}

/** The outcome of a unit that was repaired, and the bytes of the device that it gave back. */
function outcomeOf(range: ByteRange, before: FileBadBlocks, after: FileBadBlocks): [RepairOutcome, ByteRange[]] {
  if (!before.supported || !after.supported) return ['unverifiable', []];
  if (overlappingOf(after.blocks, range).length > 0) return ['still-listed', []];
  if (physicalOf(before.extents, range.offset) === physicalOf(after.extents, range.offset)) return ['cleared', []];
  const released = overlappingOf(before.blocks, range)
    .filter((block) => !block.shared)
    .map((block) => ({ offset: block.physicalOffset, length: block.length }));
  return ['relocated', released];
}

function physicalOf(extents: readonly Extent[], position: number): number | undefined {
  const extent = extents[firstEndingAfter(extents, position)];
  if (extent === undefined || extent.offset > position) return undefined;
  return extent.physicalOffset + (position - extent.offset);
}
