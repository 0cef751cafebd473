/** What an actor can be asked to do, and how the question and its answer travel. Texts only: they end up in recordings. */
import type { HugePages } from '@safe-pmem/core';
import type { AccessName } from './accesses.js';

export interface ActorCalls {
  /** Opens and maps the file, under a name of the actor's own; the mapping's first address in hexadecimal. Default: as PmemFile does. */
  open(name: string, path: string, hugePages?: HugePages): string;
  /** Maps a view of pages 4 to 6 of an open file; its first address. */
  view(name: string): string;
  /** One access; `ok` or the error's words. */
  access(name: string, access: AccessName, index: number): string;
  /** The access again and again until it throws: the error's words. */
  accessUntilError(name: string, access: AccessName, index: number): string;
  /** Reads every page by itself: `o` for its bytes, `M` a media error, `L` lost, `?` other bytes, `!` another error. */
  pages(name: string): string;
  /** What the last fault of a guarded copy was exact to, in bytes. */
  granule(): string;
  badBlocks(name: string): string;
  /** Watches the file from now on. */
  watch(name: string): string;
  /** What the watch has noticed so far; waits some seconds for anything at all. */
  noticed(name: string): string;
  /**
   * Makes a log with a mirror in this directory, with records in its first pages, that repairs what
   * its watch hears of.
   */
  openLog(directory: string): string;
  /** How the log's repairs ended, in order: `rebuilt`, `failed` …. Waits some seconds for as many as `count`. */
  logRepairs(count: number): string;
  /** How many of the log's records come back with their bytes. */
  logRecords(): string;
  scrub(name: string): string;
  salvage(name: string): string;
  /** Repairs the page with its own bytes. */
  repair(name: string, index: number, allowRelocation: boolean): string;
  /** Repairs the page with its own bytes, by zero-range alone. */
  zeroRange(name: string, index: number): string;
  resize(name: string, sizeBytes: number): string;
  close(name: string): string;
  /** Closes every file that is open. */
  closeAll(): string;
}

export type ActorCallName = keyof ActorCalls;

export interface ActorQuestion {
  readonly id: number;
  readonly call: ActorCallName;
  readonly arguments: readonly unknown[];
}

export type ActorAnswer = { readonly id: number; readonly value: string } | { readonly id: number; readonly failure: string };
