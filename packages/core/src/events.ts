/**
 * Health events on node:diagnostics_channel, so that any metrics library can subscribe without this one knowing it.
 * Publishing costs nothing while nobody listens.
 */
import { channel } from 'node:diagnostics_channel';
import type { MediaError } from './errors.js';
import type { RepairReceipt } from './repair/receipt.js';

/** `{ path, error }` each time a media error comes to light that was not known before. */
export const MEDIA_ERROR_CHANNEL = 'safe-pmem:media-error';
/** `{ path, receipt }` after each repair() that returned. */
export const REPAIR_CHANNEL = 'safe-pmem:repair';

export interface MediaErrorEvent {
  readonly path: string;
  readonly error: MediaError;
}

export interface RepairEvent {
  readonly path: string;
  readonly receipt: RepairReceipt;
}

const mediaErrors = channel(MEDIA_ERROR_CHANNEL);
const repairs = channel(REPAIR_CHANNEL);

export function publishMediaError(event: MediaErrorEvent): void {
  if (mediaErrors.hasSubscribers) mediaErrors.publish(event);
}

export function publishRepair(event: RepairEvent): void {
  if (repairs.hasSubscribers) repairs.publish(event);
}
