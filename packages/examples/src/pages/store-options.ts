import type { PmemFile } from '@safe-pmem/core';

export interface StoreOptions {
  /** The data file. It grows as needed. All files stay the caller's: close() leaves them open. */
  readonly file: PmemFile;
  /** A second data file, on another device if it is to help. With it no single bad page costs anything. */
  readonly mirror?: PmemFile;
  /** The log and its mirror, of equal size. A batch must fit into about half of it, and a checkpoint clears it. */
  readonly log: PmemFile;
  readonly logMirror: PmemFile;
  /** Make a store of files that hold nothing but zeros. Default false. */
  readonly create?: boolean;
  /**
   * Make files that are not part of the store copies of those that are, for instance on a device that was replaced.
   * `file` and `log` may be the lost ones, or `mirror` and `logMirror`. `mirror` is overwritten whatever it holds; the
   * other files only if they are blank, or of this store at an earlier moment. Default false.
   */
  readonly attachMirror?: boolean;
  /** Go on without the mirror that the store has had; that file is not its mirror any more. Default false. */
  readonly detachMirror?: boolean;
  /**
   * Open although batches in the log are lost in both of its files. They may have changed any key: what is returned for
   * a key may be older than what was last written. Default false.
   */
  readonly acceptLostBatches?: boolean;
  /**
   * Bytes of free space that each data file keeps at its end; deletes give the rest back to the filesystem. Default 0.
   */
  readonly keptBytes?: number;
  /**
   * Milliseconds that a flush of the log may block this thread. After two in a row that took longer, flushes run off
   * it until one is quick again. 0: always off it. Infinity: always on it. Default 1.
   */
  readonly blockMs?: number;
  /** Number of unchanged leaves that stay in memory, 4 KiB each and more. Default 4096. */
  readonly cachedLeaves?: number;
  /** Called by open() after each piece of the leaves that it reads; the event loop gets its turn in between. */
  readonly onProgress?: (progress: LeafProgress) => void;
}

/** Of open() and of clear(). */
export interface LeafProgress {
  readonly doneLeaves: number;
  readonly totalLeaves: number;
}
