/** A write-ahead log on PmemFile. See README.md beside this file. */
export type { Damage, Role } from './log-files.js';
export type { Records } from './repair/fill-gaps.js';
export type { RebuiltPage, WalRepairReport } from './repair/repair-pages.js';
export type { RebuildRecords, WalRepairOptions } from './repair/repair-queue.js';
export type { LostRecords, ReplayItem, ReplayOptions, ReplayedRecord } from './read/replay.js';
export type { WalScrubOptions, WalScrubProgress } from './repair/scrub-log.js';
export { Wal } from './wal.js';
export type { CommitResult, WalOptions } from './wal-options.js';
export { WalError } from './wal-error.js';
export type { WalErrorCode } from './wal-error.js';
export type { WalWatch, WalWatchOptions, WalWatchOutcome } from './repair/watch-log.js';
