import type { PmemFile } from '@safe-pmem/core';
import type { Damage } from './log-files.js';

export interface WalOptions {
  /** The file that holds the log, at least four pages long. It stays the caller's: close() leaves it open. */
  readonly file: PmemFile;
  /** A second file, on another device if it is to help, that gets the same bytes. A new log needs two of one size. */
  readonly mirror?: PmemFile;
  /** Make a log of files that hold nothing but zeros. Default false. */
  readonly create?: boolean;
  /** The number of a new log's first record, for a log that goes on where another one ends. Default 1. */
  readonly firstSequence?: number;
  /** Only replay; change nothing. Header copies that a crash left out of date are not renewed then. Default false. */
  readonly readOnly?: boolean;
  /**
   * Make a copy of the log in a file that is not part of it: the way back after one of two devices was replaced. It
   * overwrites `mirror`, whatever it holds, or, if that has the log, an empty `file`. Files that are a pair are left
   * alone, and so is a file in which the log has gone on without the other one. Default false.
   */
  readonly attachMirror?: boolean;
  /** Go on without the mirror that the log has had; that file is not its mirror any more. Default false. */
  readonly detachMirror?: boolean;
  /**
   * How many milliseconds a flush of commitAsync() may block this thread. If files persist by a system call,
   * flushes run on this thread as long as they take no longer, since the way to another one costs as much as a flush;
   * after two in a row that took longer they run off it, until one is quick again: within twice as long, since the
   * way is in it. The event loop gets its turn when groups that follow each other at once, with what their writers do
   * in between, have taken four times as long together. 0: always off it. Infinity: always on it. Default 1.
   */
  readonly blockMs?: number;
}

/** A commit point that is durable. */
export interface CommitResult {
  readonly lastSequence: number;
  /** Header copies that did not take the commit point. Not empty: call repair() before another page fails. */
  readonly missing: readonly Damage[];
}
