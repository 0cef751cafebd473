/** Mapped memory that JavaScript may touch without a call: windows for short accesses, and views. */
import type { SystemFailure } from './devices.js';
import type { CaughtFault } from './outcomes.js';

/**
 * Accesses through a MemoryWindow are at most this long: then one spans two pages, and a driver has room to note both.
 */
export const WINDOW_ACCESS_BYTES_MAX = 4096;

/** The method of a Buffer that short accesses use: its class has no name without the types of Node. */
export interface WindowBytes extends Uint8Array {
  /** Buffer.copy(). */
  copy(target: Uint8Array, targetStart?: number, sourceStart?: number, sourceEnd?: number): number;
}

/**
 * Mapped memory that JavaScript may touch without a call: `bytes` and `data` begin at byte `start` of the file. The
 * driver detaches them before it unmaps: do an access before anything else can run. Afterwards look at `faults`, which
 * was fetched before it: unless `faults[0]` is 0, what was loaded means nothing, what was stored is gone, and
 * takeFault() says why. In a file that is open read-only a store is the end of the process.
 */
export interface MemoryWindow {
  readonly start: number;
  readonly bytes: WindowBytes;
  readonly data: DataView;
  readonly faults: Int32Array;
}

/** Pages of a view that a load could not get: zeros have taken their place for good. */
export interface ViewFault extends Omit<CaughtFault, 'granuleLog2'> {
  /** `position` and `length` are whole pages. */
  readonly length: number;
}

/** A range of the file as memory: loads see the file, stores stay in this process. It survives resize() and close(). */
export interface DriverView {
  /** Exactly the range. Of length 0 after release(). */
  readonly bytes: Uint8Array;
  /** Some load met a page that is not there. */
  readonly faulted: boolean;
  /** Every fault so far; undefined while another thread is meeting one: then all of it is in doubt. */
  faults(): readonly ViewFault[] | undefined;
  release(): void;
}

export type ViewOutcome = { readonly view: DriverView } | { readonly failure: SystemFailure };
