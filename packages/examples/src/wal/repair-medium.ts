/** Making the units of damaged pages usable again, through PmemFile. */
import type { ByteRange } from '@safe-pmem/core';
import { RepairError, alignOut, coalesce, intersect, overlaps } from '@safe-pmem/core';
import type { DamagedPage } from './damaged-pages.js';
import { PAGE_BYTES } from './format.js';
import type { Damage, Member } from './members.js';
import { damageOf, readPage, storeDurably } from './members.js';

/** Repairs the units of all pages with a media error; returns the pages that are still bad, by position. */
export async function repairMedium(member: Member, damaged: readonly DamagedPage[]): Promise<Map<number, Damage>> {
  const { repairUnitBytes } = member.file.info();
  const bad = damaged.filter(({ damage }) => damage.reason === 'media');
  const stillBad = new Map<number, Damage>();
  for (const unit of unitsOf(bad, repairUnitBytes, member.file.size)) {
    const pages = bad.filter(({ damage }) => overlaps(unit, damage.range));
    try {
      await member.file.repair(unit, rebuildFrom(pages, unit));
    } catch (error) {
      if (!(error instanceof RepairError)) throw error;
      for (const { damage } of pages) {
        stillBad.set(damage.range.offset, damageOf(member, damage.range.offset, 'media', error));
      }
    }
  }
  return stillBad;
}

function unitsOf(pages: readonly DamagedPage[], unitBytes: number, fileBytes: number): ByteRange[] {
  const units: ByteRange[] = [];
  for (const run of coalesce(pages.map(({ damage }) => alignOut(damage.range, unitBytes)))) {
    for (let offset = run.offset; offset < run.offset + run.length; offset += unitBytes) {
      const unit = intersect({ offset, length: unitBytes }, { offset: 0, length: fileBytes });
      if (unit !== undefined) units.push(unit);
    }
  }
  return units;
}

/**
 * Where bytes are known for the whole unit, the repair itself puts them in place. Otherwise the lost bytes become
 * tombstones, and the pages of the unit that are known are stored afterwards.
 */
function rebuildFrom(pages: readonly DamagedPage[], unit: ByteRange): { rebuild?: (range: ByteRange) => Uint8Array } {
  const images = new Map(pages.map(({ damage, wanted }) => [damage.range.offset, wanted.bytes]));
  const positions = Array.from({ length: Math.ceil(unit.length / PAGE_BYTES) }, (_, i) => unit.offset + i * PAGE_BYTES);
  if (positions.some((position) => images.get(position) === undefined)) return {};
  const whole = new Uint8Array(unit.length);
  for (const position of positions) whole.set(images.get(position) as Uint8Array, position - unit.offset);
  return { rebuild: ({ offset, length }) => whole.slice(offset - unit.offset, offset - unit.offset + length) };
}

/** Stores the page unless the repair already has; also the way to take back pages that were tombstoned or damaged. */
export function storeWanted(member: Member, damage: Damage, wanted: Uint8Array | undefined): Damage | undefined {
  if (wanted === undefined) return damage.reason === 'media' ? undefined : damage;
  const bytes = new Uint8Array(PAGE_BYTES);
  const isRead = readPage(member, damage.range.offset, bytes).damage === undefined;
  if (isRead && Buffer.compare(bytes, wanted) === 0) return undefined;
  return storeDurably(member, damage.range.offset, wanted);
}
