import './globals.js';
export { PmemFile } from './pmem-file.js';
export type { ResizeOptions } from './resize/resize.js';
export type { OpenOptions } from './opening/open-options.js';
export type { FileClaim } from './opening/writer-lock.js';
export * from './errors/errors.js';
export { SystemCallError } from './errors/system-error.js';
export { PmemView } from './access/view.js';
export type { NumberReads } from './access/number-reads.js';
export * from './ranges/byte-range.js';
export * from './driver/driver.js';
export { completeFile } from './driver/complete-file.js';
export type {
  DeviceDriver, DeviceFacts, DeviceOutcome, DeviceSpace, DeviceSpaceOutcome, DeviceWatch, NvdimmBus, WatchOutcome,
} from './driver/devices.js';
export type { FileWatch, WatchOptions } from './rescue/watch.js';
export type { AnnouncementSupport } from './rescue/announcements.js';
export type { WatchEvent } from './rescue/watch-event.js';
export { Errno, errnoName } from './errors/errno.js';
export type { BadBlockReport } from './rescue/bad-blocks.js';
export type { ClearAbility, ListingAbility, FileInfo, ZeroRangeBehaviour } from './opening/file-info.js';
export type { HugePages } from './opening/huge-pages.js';
export type {
  Salvage, SalvageControl, SalvagedPiece, SalvageGap, SalvageGapReason, SalvageOptions, SalvagePart, SalvageProgress,
} from './rescue/salvage.js';
export type { SalvageCopy } from './rescue/salvage-copy.js';
export type { ScrubOptions, ScrubProgress, ScrubReport } from './rescue/scrub.js';
export { mirrorOf } from './repair/mirror.js';
export type { MirrorOptions } from './repair/mirror.js';
export type { RepairedUnit, RepairOutcome, RepairReceipt } from './repair/receipt.js';
export type {
  Rebuild, RepairAttempt, RepairOptions, RepairProgress, RepairStrategy,
} from './repair/types.js';
export {
  LOSS_CHANNEL, MEDIA_ERROR_CHANNEL, NO_SPACE_CHANNEL, PERSIST_FAILED_CHANNEL, REPAIR_CHANNEL, TRUNCATED_CHANNEL,
  WATCH_CHANNEL,
} from './errors/events.js';
export type { FailureEvent, LossEvent, MediaErrorEvent, RepairEvent, WatchNotice } from './errors/events.js';
