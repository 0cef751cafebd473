/** Repairs pages as soon as the kernel lists or announces them, before anything reads them. */
import type { ByteRange, FileWatch, WatchEvent } from '@safe-pmem/core';
import type { LogFile } from '../log-files.js';
import type { WalRepairReport } from './repair-pages.js';

/** Outcome of one notice. */
export type WalWatchOutcome = { readonly report: WalRepairReport } | { readonly error: unknown };

export interface WalWatchOptions {
  /** Told after each repair that a notice has caused. */
  readonly onRepair?: (outcome: WalWatchOutcome) => void;
  /** Ends the watch. */
  readonly signal?: AbortSignal;
}

/** Ends with close(), with the signal, and with the log. */
export interface WalWatch {
  close(): void;
  /** `await using watch = …` ends it. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * `repair` is given file ranges that the kernel lists; it is called first for those that it listed before the watch.
 */
export async function watchLog(
  logFiles: readonly LogFile[],
  repair: (ranges: readonly ByteRange[]) => Promise<WalRepairReport>,
  { onRepair, signal }: WalWatchOptions,
): Promise<WalWatch> {
  const watches: FileWatch[] = [];
  const close = (): void => {
    for (const watch of watches.splice(0)) watch.close();
  };
  const repairIn = async (ranges: readonly ByteRange[]): Promise<void> => {
    const outcome = await repair(ranges).then(
      (report): WalWatchOutcome => ({ report }),
      (error: unknown): WalWatchOutcome => ({ error }),
    );
    onRepair?.(outcome);
  };
  try {
    for (const { file } of logFiles) {
      const listener = (event: WatchEvent): void => {
        if (event.kind === 'new' || event.kind === 'announced') void repairIn(event.ranges);
      };
      watches.push(await file.watch(listener, signal === undefined ? {} : { signal }));
    }
    for (const { file } of logFiles) {
      const report = await file.badBlocks();
      if (report.status === 'known') await repairIn(report.ranges);
    }
  } catch (error) {
    close();
    throw error;
  }
  return {
    close,
    [Symbol.asyncDispose]: () => {
      close();
      return Promise.resolve();
    },
  };
}
