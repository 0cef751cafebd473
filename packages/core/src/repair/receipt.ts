import type { FileBadBlocks } from '../bad-blocks.js';
import type { ByteRange } from '../byte-range.js';
import { firstEndingAfter, overlappingOf } from '../byte-range.js';
import type { Extent } from '../driver.js';
import type { UnitPlan } from './unit-work.js';

export type RepairStrategy = 'zero-range' | 'recovery-write';

/**
 * What became of one repair unit.
 *
 * - `healthy`: nothing was wrong with it, nothing was changed.
 * - `cleared`: the same block, rewritten, verified, and no longer listed by the kernel.
 * - `relocated`: the file has another block there now; the old one may still be poisoned (see `released`).
 * - `still-listed`: written and verified, yet the kernel still lists the block.
 * - `unverifiable`: written and verified by reading, on a device whose bad-block list cannot be read.
 */
export type RepairOutcome = 'healthy' | 'cleared' | 'relocated' | 'still-listed' | 'unverifiable';

export interface RepairedUnit {
  /** The unit, clipped to the end of the file. */
  readonly range: ByteRange;
  readonly outcome: RepairOutcome;
  /** What worked; undefined for a healthy unit. */
  readonly strategy: RepairStrategy | undefined;
  /** Bytes that the medium could not give back. */
  readonly lost: readonly ByteRange[];
  /** Lost bytes that hold what `rebuild` returned. */
  readonly rebuilt: readonly ByteRange[];
  /** Lost bytes that hold the `fill` byte, accepted by the caller as data. */
  readonly filled: readonly ByteRange[];
  /** Lost bytes that nobody supplied: reads throw ERR_PMEM_LOST until they are written and persisted. */
  readonly tombstoned: readonly ByteRange[];
  /** Poisoned blocks, as bytes on the device, that a relocation handed back to the filesystem's free space. */
  readonly released: readonly ByteRange[];
}

/** What a repair has to remember of a unit that it wrote, until it knows what the kernel says. */
export type UnitSummary = Pick<RepairedUnit, 'strategy' | 'lost' | 'rebuilt' | 'filled' | 'tombstoned'>;

/** One entry per unit, in ascending order. */
export interface RepairReceipt {
  readonly units: readonly RepairedUnit[];
}

/** What is to be said of a unit, by the kernel's list before and after; `summary` is undefined where nothing had to be done. */
export function receiptOf(
  plan: UnitPlan,
  summary: UnitSummary | undefined,
  before: FileBadBlocks,
  after: FileBadBlocks,
): RepairedUnit {
  const range = plan.data;
  if (summary === undefined) {
    return { range, outcome: 'healthy', strategy: undefined, lost: [], rebuilt: [], filled: [], tombstoned: [], released: [] };
  }
  const { strategy, lost, rebuilt, filled, tombstoned } = summary;
  const [outcome, released] = outcomeOf(range, before, after);
  return { range, outcome, strategy, lost, rebuilt, filled, tombstoned, released };
}

/** What became of a unit that was repaired, and which bytes of the device it left behind. */
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
