import './globals.js';
export { PmemFile } from './pmem-file.js';
export type { ResizeOptions } from './pmem-file.js';
export type { OpenOptions } from './open-options.js';
export type { FileClaim } from './writer-lock.js';
export type { RepairOptions } from './repair/repair-options.js';
export * from './errors.js';
export { SystemCallError } from './system-error.js';
export { PmemView } from './view.js';
export * from './byte-range.js';
export * from './driver.js';
export { completeFile } from './driver/complete-file.js';
export type { DeviceDriver, DeviceFacts, DeviceOutcome, DeviceWatch, NvdimmBus, WatchOutcome } from './devices.js';
export type { FileWatch, WatchOptions } from './watch.js';
export type { WatchEvent } from './watch-event.js';
export { Errno, errnoName } from './errno.js';
export type { BadBlockReport } from './bad-blocks.js';
export type { ClearAbility, ListingAbility, FileInfo, ZeroRangeBehaviour } from './file-info.js';
export type {
  Salvage, SalvageControl, SalvagedPiece, SalvageGap, SalvageGapReason, SalvageOptions, SalvagePart, SalvageProgress,
} from './salvage.js';
export type { SalvageCopy } from './salvage-copy.js';
export type { ScrubOptions, ScrubProgress, ScrubReport } from './scrub.js';
export type { Rebuild } from './repair/prepare-units.js';
export { mirrorOf } from './repair/mirror.js';
export type { MirrorOptions } from './repair/mirror.js';
export type { RepairAttempt, RepairedUnit, RepairOutcome, RepairReceipt, RepairStrategy } from './repair/receipt.js';
export type { RepairProgress } from './repair/repair.js';
export {
  LOSS_CHANNEL, MEDIA_ERROR_CHANNEL, NO_SPACE_CHANNEL, PERSIST_FAILED_CHANNEL, REPAIR_CHANNEL, TRUNCATED_CHANNEL,
  WATCH_CHANNEL,
} from './events.js';
export type { FailureEvent, LossEvent, MediaErrorEvent, RepairEvent, WatchNotice } from './events.js';
