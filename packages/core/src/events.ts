/**
 * Health events on node:diagnostics_channel, so that any metrics library can subscribe without this one knowing it.
 * Publishing costs nothing while nobody listens.
 */
import { channel } from 'node:diagnostics_channel';
import type { MediaError } from './errors.js';
import type { RepairReceipt } from './repair/receipt.js';
import type { WatchEvent } from './watch-event.js';

/** `{ path, error }` each time a media error comes to light that was not known before. */
export const MEDIA_ERROR_CHANNEL = 'safe-pmem:media-error';
/** `{ path, receipt }` after each repair() that returned. */
export const REPAIR_CHANNEL = 'safe-pmem:repair';
/** `{ path, event }` for each event of a watch(), just before its listener is called. */
export const WATCH_CHANNEL = 'safe-pmem:watch';

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

const mediaErrors = channel(MEDIA_ERROR_CHANNEL);
const repairs = channel(REPAIR_CHANNEL);
const watches = channel(WATCH_CHANNEL);

export function publishMediaError(event: MediaErrorEvent): void {
  if (mediaErrors.hasSubscribers) mediaErrors.publish(event);
}

export function publishRepair(event: RepairEvent): void {
  if (repairs.hasSubscribers) repairs.publish(event);
}

export function publishWatch(notice: WatchNotice): void {
  if (watches.hasSubscribers) watches.publish(notice);
}
