/** Looks for damage before a reader needs the bytes, no faster than allowed, and repairs what it finds. */
import { setTimeout as sleep } from 'node:timers/promises';
import { rangeBetween } from '@safe-pmem/core';
import { PAGE_BYTES } from '../format/format.js';
import type { LogFile } from '../log-files.js';
import { damageReason } from '../log-files.js';
import type { RepairReport, WalRepairReport } from './repair-pages.js';

export interface WalScrubProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** Damage found and repaired so far. */
  readonly report: WalRepairReport;
}

export interface WalScrubOptions {
  /** Bytes of all files together that may be read in a second. Default 32 MiB. */
  readonly bytesPerSecond?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: WalScrubProgress) => void;
}

const DEFAULT_BYTES_PER_SECOND = 32 * 1024 * 1024;

/**
 * Reads `portions` of every file by system calls, which meet latent media errors without a signal, then has each
 * portion examined and repaired.
 */
export async function scrubLog(
  logFiles: readonly LogFile[],
  portions: readonly (readonly number[])[],
  options: WalScrubOptions,
  report: RepairReport,
  repair: (positions: readonly number[]) => Promise<void>,
): Promise<void> {
  const { bytesPerSecond = DEFAULT_BYTES_PER_SECOND, signal, onProgress } = options;
  if (!(bytesPerSecond > 0)) throw new RangeError(`bytesPerSecond must be above 0, got ${bytesPerSecond}`);
  const totalBytes = portions.flat().length * PAGE_BYTES * logFiles.length;
  const startedAt = performance.now();
  let doneBytes = 0;
  for (const portion of portions) {
    signal?.throwIfAborted();
    for (const logFile of logFiles) await readThrough(logFile, portion, signal);
    await repair(portion);
    doneBytes += portion.length * PAGE_BYTES * logFiles.length;
    onProgress?.({ doneBytes, totalBytes, report });
    if (doneBytes < totalBytes) await pause(pauseMs(doneBytes, performance.now() - startedAt, bytesPerSecond), signal);
  }
}

/** Returns the milliseconds to wait to stay at `bytesPerSecond`. */
export function pauseMs(doneBytes: number, elapsedMs: number, bytesPerSecond: number): number {
  return Math.max(0, (1000 * doneBytes) / bytesPerSecond - elapsedMs);
}

async function pause(durationMs: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(durationMs, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

/** Reads ahead. The file remembers the media errors that this finds; the repair finds them again, and names them. */
async function readThrough(
  logFile: LogFile, portion: readonly number[], signal: AbortSignal | undefined,
): Promise<void> {
  const range = rangeBetween(portion[0] as number, (portion.at(-1) as number) + PAGE_BYTES);
  try {
    await logFile.file.scrub({ range, ...(signal === undefined ? {} : { signal }) });
  } catch (error) {
    if (damageReason(error) === undefined) throw error;
  }
}

