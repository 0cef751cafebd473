/** A write-ahead log on PmemFile. See README.md beside this file. */
export type { Damage, Role } from './members.js';
export type { Records } from './fill-gaps.js';
export type { RebuiltPage, WalRepairReport } from './repair-log.js';
export type { RebuildRecords, WalRepairOptions } from './repairs.js';
export type { LostRecords, ReplayItem, ReplayOptions, ReplayedRecord } from './replay.js';
export type { WalScrubOptions, WalScrubProgress } from './scrub-log.js';
export { Wal } from './wal.js';
export type { CommitResult, WalOptions } from './wal-options.js';
export { WalError } from './wal-error.js';
export type { WalErrorCode } from './wal-error.js';
export type { WalWatch, WalWatchOptions, WalWatchOutcome } from './watch-log.js';
