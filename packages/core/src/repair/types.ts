/** The options of a repair, and the words for its steps. */
import type { ByteRange } from '../ranges/byte-range.js';

export type RepairStrategy = 'zero-range' | 'recovery-write';

/** One step that a repair tried on one unit. `errno` 0: the call succeeded and verification did not. */
export interface RepairAttempt {
  readonly range: ByteRange;
  readonly strategy: RepairStrategy;
  /** `fallocate`, `pwrite`, `fdatasync`, `verify`, … */
  readonly step: string;
  readonly errno: number;
}

/** Returns the bytes of exactly `range` from the application's redundancy, or undefined: these bytes stay lost. */
export type Rebuild = (range: ByteRange) => Uint8Array | undefined | Promise<Uint8Array | undefined>;

export interface RepairProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface RepairOptions {
  /**
   * Supplies lost bytes: called with ranges of at most one batch, returns exactly that many bytes, or undefined: they
   * stay lost.
   */
  readonly rebuild?: Rebuild;
  /**
   * Puts what `rebuild` returns into the repair journal first, so that after a crash open() finishes the repair. By
   * default a unit of which nothing was left is only noted there, which halves what is written: after a crash it is
   * lost (`ERR_PMEM_LOST`), and is rebuilt by the next repair(). What a unit still held is always in the journal.
   * Default false.
   */
  readonly journalRebuilt?: boolean;
  /** Accepts this byte (0–255) as data in place of every lost one. */
  readonly fill?: number;
  /** Default `auto`: the order that leaves a failed repair no worse, see docs/concepts/repair.md. */
  readonly strategy?: 'auto' | RepairStrategy;
  /** Permit handing a poisoned block back to free space if the kernel has no other way. Default false. */
  readonly allowRelocation?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: RepairProgress) => void;
}

/** Sources of the lost bytes. With neither `rebuild` nor `fill` they stay lost. */
export interface ContentRequest {
  readonly rebuild: Rebuild | undefined;
  readonly fill: number | undefined;
  /** Puts what `rebuild` returned into the journal as well, so that open() can finish the repair. */
  readonly journalRebuilt: boolean;
}

/** Limits of what may be done to a unit. */
export interface StrategyRequest {
  readonly strategy: 'auto' | RepairStrategy;
  /** The caller accepts that a poisoned block may go back to free space. */
  readonly allowRelocation: boolean;
}

/** RepairOptions, checked and with their defaults. */
export interface RepairRequest extends ContentRequest, StrategyRequest {
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: RepairProgress) => void) | undefined;
}
