/** Making damaged pages usable again, with their bytes wherever memory or the other file still has them. */
import type { ByteRange } from '@safe-pmem/core';
import { RepairError, alignOut, coalesce, intersect, overlaps } from '@safe-pmem/core';
import type { CommitPoint, LogHeader } from './header-page.js';
import { encodeHeaderPage } from './header-page.js';
import { holds } from './header-copies.js';
import { PAGE_BYTES } from './format.js';
import type { Tail } from './layout.js';
import type { Damage, Member, Role } from './members.js';
import { damageOf, readPage, storeDurably } from './members.js';
import type { LogPlace, PageCopy } from './read-pages.js';
import { readCopy } from './read-pages.js';
import { limitIn } from './ring.js';

/** A page whose bytes are back. */
export interface RebuiltPage {
  readonly role: Role;
  readonly range: ByteRange;
  /** `memory`: the header, and the page being filled, which the open log holds. Otherwise the file that had it. */
  readonly from: 'memory' | Role;
}

/** What repair() did. Healthy pages are not mentioned, nor are those whose loss an earlier repair has reported. */
export interface WalRepairReport {
  readonly rebuilt: readonly RebuiltPage[];
  /** Pages that held no committed record; they are empty now. */
  readonly emptied: readonly Damage[];
  /** Pages that take stores again but whose records nobody has; replay() reports exactly those. */
  readonly lost: readonly Damage[];
  /** Pages that the medium still refuses. The log steps over them. */
  readonly failed: readonly Damage[];
}

export interface RepairContext {
  readonly place: LogPlace;
  readonly header: LogHeader;
  readonly point: CommitPoint;
  readonly tail: Tail | undefined;
}

/** What a page has to hold; `bytes` undefined where nobody knows. */
interface Wanted {
  readonly source: RebuiltPage['from'] | 'empty' | 'nobody';
  readonly bytes: Uint8Array | undefined;
}

interface DamagedPage {
  readonly damage: Damage;
  readonly wanted: Wanted;
}

/** Reads every page of every file and repairs what is damaged. See Wal.repair(). */
export async function repairLog(context: RepairContext): Promise<WalRepairReport> {
  const report = {
    rebuilt: [] as RebuiltPage[],
    emptied: [] as Damage[],
    lost: [] as Damage[],
    failed: [] as Damage[],
  };
  for (const member of context.place.members) {
    const damaged = survey(context, member);
    const stillBad = await repairMedium(member, damaged);
    for (const page of damaged) {
      const { damage, wanted } = page;
      const refused = stillBad.get(damage.range.offset) ?? storeWanted(member, page);
      if (refused !== undefined) report.failed.push(refused);
      else if (wanted.source === 'empty') report.emptied.push(damage);
      else if (wanted.source === 'nobody') report.lost.push(damage);
      else report.rebuilt.push({ role: member.role, range: damage.range, from: wanted.source });
    }
  }
  return report;
}

function survey(context: RepairContext, member: Member): DamagedPage[] {
  const { ring } = context.place;
  const found: DamagedPage[] = [];
  const bytes = new Uint8Array(PAGE_BYTES);
  for (const position of ring.headerPositions) {
    const { damage } = readPage(member, position, bytes);
    if (damage === undefined && holds(bytes, context.header, context.point)) continue;
    const page = encodeHeaderPage(context.header, context.point);
    found.push({ damage: damage ?? damageOf(member, position, 'damaged'), wanted: { source: 'memory', bytes: page } });
  }
  for (const position of ring.dataPositions()) {
    const pageNumber = ring.numberAt(position, context.point.headPage);
    const limitBytes = limitIn(pageNumber, context.point.endOffset);
    if (limitBytes === 0) {
      const { damage } = readPage(member, position, bytes);
      if (damage !== undefined) found.push({ damage, wanted: { source: 'empty', bytes: new Uint8Array(PAGE_BYTES) } });
      continue;
    }
    const copy = readCopy(context.place, member, pageNumber, limitBytes);
    const { damage } = copy;
    if (damage === undefined) continue;
    const wanted = wantedPage(context, copy, pageNumber, limitBytes);
    // Without the bytes there is nothing to do for a page that can be stored to: it stays what it is, a loss.
    const takesStores = damage.reason === 'lost' || damage.reason === 'damaged';
    if (wanted.bytes !== undefined || !takesStores) found.push({ damage, wanted });
  }
  return found;
}

/** Bytes for a committed page: only such as verify, and never fewer than the page itself still has. */
function wantedPage({ place, tail }: RepairContext, own: PageCopy, pageNumber: number, limitBytes: number): Wanted {
  if (tail?.pageNumber === pageNumber) return { source: 'memory', bytes: tail.image };
  for (const other of place.members) {
    if (other === own.member) continue;
    const { image, parsed } = readCopy(place, other, pageNumber, limitBytes);
    if (parsed.state === 'damaged' || parsed.verifiedBytes < own.parsed.verifiedBytes) continue;
    image.fill(0, parsed.verifiedBytes);
    return { source: other.role, bytes: image };
  }
  return { source: 'nobody', bytes: undefined };
}

/** Repairs the units of all pages with a media error; returns the pages that are still bad, by position. */
async function repairMedium(member: Member, damaged: readonly DamagedPage[]): Promise<Map<number, Damage>> {
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
function storeWanted(member: Member, { damage, wanted }: DamagedPage): Damage | undefined {
  if (wanted.bytes === undefined) return damage.reason === 'media' ? undefined : damage;
  const bytes = new Uint8Array(PAGE_BYTES);
  const isRead = readPage(member, damage.range.offset, bytes).damage === undefined;
  if (isRead && Buffer.compare(bytes, wanted.bytes) === 0) return undefined;
  return storeDurably(member, damage.range.offset, wanted.bytes);
}
