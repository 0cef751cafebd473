/** Makes the units of damaged pages usable again, through PmemFile. */
import { holds } from '../../page-files/holds.js';
import { repairUnits } from '../../page-files/repair-units.js';
import type { DamagedPage } from './damaged-pages.js';
import type { Damage, LogFile } from '../log-files.js';
import { damageOf, storeDurably } from '../log-files.js';

/** Repairs the units of all pages with a media error; returns the pages that are still bad, by position. */
export async function repairUnitsOf(logFile: LogFile, damaged: readonly DamagedPage[]): Promise<Map<number, Damage>> {
  const bad = damaged.filter(({ damage }) => damage.reason === 'media');
  const pages = bad.map(({ damage, replacement }) => ({ position: damage.range.offset, bytes: replacement.bytes }));
  const stillBad = await repairUnits(logFile.file, pages);
  return new Map([...stillBad].map(([position, error]) => [position, damageOf(logFile, position, 'media', error)]));
}

/** Stores the page unless the repair already has; also the way to take back pages that were lost or damaged. */
export function storeReplacement(
  logFile: LogFile, damage: Damage, replacement: Uint8Array | undefined,
): Damage | undefined {
  if (replacement === undefined) return damage.reason === 'media' ? undefined : damage;
  if (holds(logFile.file, damage.range.offset, replacement)) return undefined;
  return storeDurably(logFile, damage.range.offset, replacement);
}
