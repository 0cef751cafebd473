/**
 * Health events on node:diagnostics_channel, so that any metrics library can subscribe without this one knowing it.
 * Publishing costs nothing while nothing listens.
 */
import { channel } from 'node:diagnostics_channel';
import type { ByteRange } from '../ranges/byte-range.js';
import type { MediaError, PmemError } from './errors.js';
import type { RepairReceipt } from '../repair/receipt.js';
import type { WatchEvent } from '../rescue/watch-event.js';

/** `{ path, error }` each time a media error comes to light that was not known before. */
export const MEDIA_ERROR_CHANNEL = 'safe-pmem:media-error';
/** `{ path, receipt }` after each repair() that returned. */
export const REPAIR_CHANNEL = 'safe-pmem:repair';
/** `{ path, event }` for each event of a watch(), just before its listener is called. */
export const WATCH_CHANNEL = 'safe-pmem:watch';
/** `{ path, error }` before each ERR_PMEM_TRUNCATED that an access, a persist, a scrub or a repair throws. */
export const TRUNCATED_CHANNEL = 'safe-pmem:truncated';
/** `{ path, error }` before each ERR_PMEM_NO_SPACE that an access, an open or a resize throws. */
export const NO_SPACE_CHANNEL = 'safe-pmem:no-space';
/** `{ path, ranges }` after a repair, also one that an open finishes, has left bytes that nothing could bring back. */
export const LOSS_CHANNEL = 'safe-pmem:loss';
/** `{ path, error }` before each error, other than ERR_PMEM_CLOSED, that a persist throws. */
export const PERSIST_FAILED_CHANNEL = 'safe-pmem:persist-failed';

export interface MediaErrorEvent {
  readonly path: string;
  readonly error: MediaError;
}

export interface RepairEvent {
  readonly path: string;
  readonly receipt: RepairReceipt;
}

export interface WatchNotice {
  readonly path: string;
  readonly event: WatchEvent;
}

/** A message of TRUNCATED_CHANNEL, NO_SPACE_CHANNEL and PERSIST_FAILED_CHANNEL. */
export interface FailureEvent {
  readonly path: string;
  readonly error: PmemError;
}

export interface LossEvent {
  readonly path: string;
  /** The lost bytes: reads of them throw ERR_PMEM_LOST. */
  readonly ranges: readonly ByteRange[];
}

const mediaErrors = channel(MEDIA_ERROR_CHANNEL);
const repairs = channel(REPAIR_CHANNEL);
const watches = channel(WATCH_CHANNEL);
const truncations = channel(TRUNCATED_CHANNEL);
const fullness = channel(NO_SPACE_CHANNEL);
const losses = channel(LOSS_CHANNEL);
const persistFailures = channel(PERSIST_FAILED_CHANNEL);

export function publishMediaError(event: MediaErrorEvent): void {
  if (mediaErrors.hasSubscribers) mediaErrors.publish(event);
}

export function publishRepair(event: RepairEvent): void {
  if (repairs.hasSubscribers) repairs.publish(event);
}

export function publishWatch(notice: WatchNotice): void {
  if (watches.hasSubscribers) watches.publish(notice);
}

export function publishLoss(event: LossEvent): void {
  if (event.ranges.length > 0 && losses.hasSubscribers) losses.publish(event);
}

/** Publishes `error`, which is about to be thrown for `path`, if it is one of a full or a shortened file; returns it. */
export function publishFailure<Failure extends PmemError>(path: string, error: Failure): Failure {
  if (error.code === 'ERR_PMEM_TRUNCATED' && truncations.hasSubscribers) truncations.publish({ path, error });
  if (error.code === 'ERR_PMEM_NO_SPACE' && fullness.hasSubscribers) fullness.publish({ path, error });
  return error;
}

/** Publishes what a persist is about to throw; returns it. */
export function publishPersistFailure<Failure extends PmemError>(path: string, error: Failure): Failure {
  if (error.code !== 'ERR_PMEM_CLOSED' && persistFailures.hasSubscribers) persistFailures.publish({ path, error });
  return error;
}
