/** The operations that the mock announces to an observer, and the effects that the observer can have instead. */
import type { CrashChooser } from '../hardware/crash.js';

/**
 * Names of DriverFile's methods; `persistAsync` and `persistRanges` report themselves as `persist`, `writeAndPersist` as `write` and
 * then `persist`, `rewrite` as `zeroRange` and `pwrite` of each piece, `scrub` and each piece of `readEach` as `pread`, and
 * a method whose name ends in Sync as the one without it.
 */
export type OperationName =
  | 'open'
  | 'read'
  | 'write'
  | 'persist'
  | 'view'
  | 'probe'
  | 'remap'
  | 'pread'
  | 'pwrite'
  | 'sync'
  | 'zeroRange'
  | 'tryZeroRange'
  | 'resize'
  | 'truncate'
  | 'fileSize'
  | 'extents'
  | 'badBlocks'
  | 'lock'
  | 'unlock'
  | 'readJournal'
  | 'writeJournal'
  | 'removeJournal'
  | 'settleJournal'
  | 'readMark'
  | 'writeMark'
  | 'names'
  | 'listFolder'
  | 'identify'
  | 'close';

export interface MockOperation {
  /** 1 for the first thing the driver was asked to do; steps of one operation count on their own. */
  readonly index: number;
  readonly name: OperationName;
  readonly path: string;
  /** The process that does it, as driver.process() names it; undefined if the driver itself was asked. */
  readonly process?: string | undefined;
  /** Bytes of the file concerned; length 0 if the operation concerns the whole file. */
  readonly position: number;
  readonly length: number;
  /**
   * Undefined at the start of the operation. Later steps are points at which power can fail half-way: `cleared` (poison
   * is gone, the new bytes are not there), `freed` (XFS let go of the blocks), `written` (the file
   * of tryZeroRange()), `temporary` and `renamed` (journal); or at
   * which a call within it can fail: `fstat` and `pwrite` (of probe).
   */
  readonly step?: string | undefined;
}

/** An effect in place of an operation, or before it. */
export type OperationEffect =
  /** The system call fails with this errno and does nothing. Ignored by read, write and most steps of an operation. */
  | { readonly errno: number }
  /** read and write raise SIGBUS at their first byte, a view has met one at each of its pages; others ignore it. */
  | { readonly signalCode: number; readonly granuleLog2?: number }
  /** pread and pwrite transfer at most so many bytes; other operations ignore it. */
  | { readonly shortBytes: number }
  /** The bytes that the operation is about to touch become poison first, if they have storage. */
  | { readonly poison: 'listed' | 'latent' }
  /** Power fails: the operation throws SimulatedCrash, and so does every later use of a file opened before. */
  | { readonly crash: true; readonly chooser?: CrashChooser };

/** Called before each operation and at each of its steps. Returning undefined lets it happen. */
export type OperationHook = (operation: MockOperation) => OperationEffect | undefined;
