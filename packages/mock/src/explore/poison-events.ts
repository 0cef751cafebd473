/** Poison that can appear at a moment: in each page of each file. */
import { SECTOR_BYTES } from '../hardware/geometry.js';
import { labelOf, type Moment } from './moments.js';
import type { PoisonEvent } from './schedule.js';

/** Sectors of a page that are poisoned alone. */
const SECTOR_OFFSET = 3 * SECTOR_BYTES;

export function poisonsAt(moment: Moment, files: (path: string) => boolean): PoisonEvent[] {
  const operation = labelOf(moment);
  const events: PoisonEvent[] = [];
  for (const { path, offset, length } of moment.pages) {
    if (!files(path)) continue;
    for (const place of [{ offset, length }, { offset: offset + SECTOR_OFFSET, length: SECTOR_BYTES }]) {
      const event: PoisonEvent = { at: moment.at, operation, effect: 'poison', path, ...place };
      events.push(event, { ...event, latent: true });
    }
  }
  return events;
}
