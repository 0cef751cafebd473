/** Making the units of damaged pages usable again, through PmemFile. */
import { repairUnits } from '../../repair-units.js';
import type { DamagedPage } from './damaged-pages.js';
import { PAGE_BYTES } from '../format/format.js';
import type { Damage, Member } from '../members.js';
import { damageOf, readPage, storeDurably } from '../members.js';

/** Repairs the units of all pages with a media error; returns the pages that are still bad, by position. */
export async function repairMedium(member: Member, damaged: readonly DamagedPage[]): Promise<Map<number, Damage>> {
  const bad = damaged.filter(({ damage }) => damage.reason === 'media');
  const pages = bad.map(({ damage, wanted }) => ({ position: damage.range.offset, bytes: wanted.bytes }));
  const stillBad = await repairUnits(member.file, pages);
  return new Map([...stillBad].map(([position, error]) => [position, damageOf(member, position, 'media', error)]));
}

/** Stores the page unless the repair already has; also the way to take back pages that were tombstoned or damaged. */
export function storeWanted(member: Member, damage: Damage, wanted: Uint8Array | undefined): Damage | undefined {
  if (wanted === undefined) return damage.reason === 'media' ? undefined : damage;
  const bytes = new Uint8Array(PAGE_BYTES);
  const isRead = readPage(member, damage.range.offset, bytes).damage === undefined;
  if (isRead && Buffer.compare(bytes, wanted) === 0) return undefined;
  return storeDurably(member, damage.range.offset, wanted);
}
