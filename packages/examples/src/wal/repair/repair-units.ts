/** Making the units of damaged pages usable again, through PmemFile. */
import { repairUnits } from '../../repair-units.js';
import type { DamagedPage } from './damaged-pages.js';
import { PAGE_BYTES } from '../format/format.js';
import type { Damage, LogFile } from '../log-files.js';
import { damageOf, readPage, storeDurably } from '../log-files.js';

/** Repairs the units of all pages with a media error; returns the pages that are still bad, by position. */
export async function repairUnitsOf(logFile: LogFile, damaged: readonly DamagedPage[]): Promise<Map<number, Damage>> {
  const bad = damaged.filter(({ damage }) => damage.reason === 'media');
  const pages = bad.map(({ damage, replacement }) => ({ position: damage.range.offset, bytes: replacement.bytes }));
  const stillBad = await repairUnits(logFile.file, pages);
  return new Map([...stillBad].map(([position, error]) => [position, damageOf(logFile, position, 'media', error)]));
}

/** Stores the page unless the repair already has; also the way to take back pages that were tombstoned or damaged. */
export function storeReplacement(
  logFile: LogFile, damage: Damage, replacement: Uint8Array | undefined,
): Damage | undefined {
  if (replacement === undefined) return damage.reason === 'media' ? undefined : damage;
  const bytes = new Uint8Array(PAGE_BYTES);
  const isRead = readPage(logFile, damage.range.offset, bytes).damage === undefined;
  if (isRead && Buffer.compare(bytes, replacement) === 0) return undefined;
  return storeDurably(logFile, damage.range.offset, replacement);
}
