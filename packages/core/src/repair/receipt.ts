import type { ByteRange } from '../byte-range.js';

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

/** One entry per unit, in ascending order. */
export interface RepairReceipt {
  readonly units: readonly RepairedUnit[];
}
