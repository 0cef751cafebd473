/** Makes damaged pages usable again, with their bytes if another file has them. */
import { holds } from '../page-files/holds.js';
import { repairUnits } from '../page-files/repair-units.js';
import type { WalRepairReport } from '../wal/index.js';
import { PAGE_BYTES } from './format.js';
import type { DataHeader } from './header-page.js';
import { decodeHeaderPage, encodeHeaderPage } from './header-page.js';
import type { Checkpoint } from './checkpoint-record.js';
import type { FileRole, PageDamage, PageFile } from './page-files.js';
import { SlotRun } from './page-files.js';
import type { PagePool } from './page-pool.js';
import { headerOf } from './store-headers.js';
import type { KeyRange } from './cursor.js';

export interface PageAddress {
  readonly role: FileRole;
  readonly slot: number;
}

/** What repair() did. It leaves out healthy pages. */
export interface StoreRepairReport {
  /** Pages whose bytes are back. */
  readonly rebuilt: readonly PageAddress[];
  /** Pages that held nothing; they take stores again. */
  readonly emptied: readonly PageAddress[];
  /** Pages that no file has. What memory still had of them is stored elsewhere: `lostKeys` says what it had not. */
  readonly lost: readonly PageDamage[];
  /** Pages that the medium still refuses. The store goes on without them; what they held is stored elsewhere. */
  readonly failed: readonly PageDamage[];
  /**
   * All keys that no file has, those that an earlier repair has reported included, until they are written or cleared.
   */
  readonly lostKeys: readonly KeyRange[];
  readonly log: WalRepairReport;
}

const EMPTY_PAGE = new Uint8Array(PAGE_BYTES);

/** So many are read together. */
const SLOTS_READ = 64;

interface DamagedPage {
  readonly damage: PageDamage;
  /** `empty`: nothing is stored there. `unknown`: no file has the bytes. */
  readonly wanted: Uint8Array | 'empty' | 'unknown';
}

export type PageRepair = Pick<StoreRepairReport, 'rebuilt' | 'emptied' | 'lost' | 'failed'>;

/** Reads every page of every file and repairs what is damaged. See PageStore.repair(). */
export async function repairPages(pool: PagePool, checkpoint: Checkpoint, lastGeneration: number): Promise<PageRepair> {
  const report = { rebuilt: [] as PageAddress[], emptied: [] as PageAddress[], lost: [] as PageDamage[], failed: [] as PageDamage[] };
  for (const member of pool.files.members) {
    await member.file.badBlocks();
    const damaged = survey(pool, member, headerOf(member.role, checkpoint, lastGeneration));
    const stillBad = await repairMedium(member, damaged);
    for (const page of damaged) {
      const { role, slot } = page.damage;
      const refused = stillBad.get(slot) ?? storeWanted(member, page);
      if (refused !== undefined) report.failed.push(refused);
      else if (page.wanted === 'empty') report.emptied.push({ role, slot });
      else if (page.wanted === 'unknown') report.lost.push(page.damage);
      else report.rebuilt.push({ role, slot });
    }
  }
  return report;
}

function survey(pool: PagePool, member: PageFile, header: DataHeader): DamagedPage[] {
  const found: DamagedPage[] = [];
  const { count } = pool.slots;
  const others = pool.files.members.filter((other) => other !== member);
  const rooms = [member, ...others].map(() => Buffer.allocUnsafeSlow(SLOTS_READ * PAGE_BYTES));
  for (let first = 0; first < count; first += SLOTS_READ) {
    const end = Math.min(first + SLOTS_READ, count);
    const [own, ...copies] = rooms.map((room) => room.subarray(0, (end - first) * PAGE_BYTES)) as [Buffer, ...Buffer[]];
    const run = new SlotRun(member, first, own);
    // Of the other file only if a page of this one is missing.
    let runs: SlotRun[] | undefined;
    const runOf = (other: PageFile, i: number): SlotRun => new SlotRun(other, first, copies[i] as Buffer);
    const elsewhere = (): SlotRun[] => (runs ??= others.map(runOf));
    for (let slot = first; slot < end; slot++) {
      const wanted = slot === 0 ? encodeHeaderPage(header) : undefined;
      const isUsed = pool.slots.isUsed(slot);
      const read = run.read(slot, (page) => {
        if (wanted !== undefined) return isHeader(page, header) ? page : undefined;
        return !isUsed || pool.isPage(page, slot) ? page : undefined;
      });
      if (read.page !== undefined) continue;
      const [damage] = read.damage as [PageDamage];
      // A free slot takes stores even if reads of it fail, unless the medium refuses them.
      if (isUsed) found.push({ damage, wanted: wanted ?? fromOthers(pool, elsewhere(), slot) });
      else if (damage.reason === 'media') found.push({ damage, wanted: 'empty' });
    }
  }
  return found;
}

/** True for the header of this file; that it was written some checkpoints ago does not make it damaged. */
function isHeader(page: Buffer, { storeId, fileId }: DataHeader): boolean {
  const state = decodeHeaderPage(page);
  return state.status === 'valid' && state.header.storeId === storeId && state.header.fileId === fileId;
}

/** A copy of the page: a run of them must not be held for one. */
function fromOthers(pool: PagePool, others: readonly SlotRun[], slot: number): Uint8Array | 'unknown' {
  for (const other of others) {
    const read = other.read(slot, (page) => (pool.isPage(page, slot) ? page : undefined));
    if (read.page !== undefined) return Uint8Array.from(read.page);
  }
  return 'unknown';
}

/** Repairs the units of all pages with a media error; returns the pages that are still bad, by slot. */
async function repairMedium({ role, file }: PageFile, damaged: readonly DamagedPage[]): Promise<Map<number, PageDamage>> {
  const bad = damaged.filter(({ damage }) => damage.reason === 'media');
  const pages = bad.map(({ damage, wanted }) => ({ position: damage.slot * PAGE_BYTES, bytes: bytesOf(wanted) }));
  const stillBad = new Map<number, PageDamage>();
  for (const [position, cause] of await repairUnits(file, pages)) {
    const slot = position / PAGE_BYTES;
    stillBad.set(slot, { role, slot, reason: 'media', cause });
  }
  return stillBad;
}

function bytesOf(wanted: DamagedPage['wanted']): Uint8Array | undefined {
  if (wanted === 'empty') return EMPTY_PAGE;
  return wanted === 'unknown' ? undefined : wanted;
}

/** Stores the page unless the repair already has; also the way to take back pages that were tombstoned or damaged. */
function storeWanted({ role, file }: PageFile, { damage, wanted }: DamagedPage): PageDamage | undefined {
  if (!(wanted instanceof Uint8Array)) return undefined;
  const { slot } = damage;
  const position = slot * PAGE_BYTES;
  if (holds(file, position, wanted)) return undefined;
  try {
    file.write(wanted, position);
    file.persist(position, PAGE_BYTES);
    return undefined;
  } catch (cause) {
    return { role, slot, reason: 'media', cause };
  }
}
