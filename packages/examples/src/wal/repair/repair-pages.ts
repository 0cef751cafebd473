/**
 * Makes damaged pages usable again while the log goes on, with their bytes if memory, the other file or `rebuild` has
 * them.
 */
import type { ByteRange } from '@safe-pmem/core';
import type { DamagedPage, LogState } from './damaged-pages.js';
import { findDamaged } from './damaged-pages.js';
import { encodeHeaderPage } from '../format/header-page.js';
import type { Damage, LogFile, Role } from '../log-files.js';
import { repairUnitsOf, storeReplacement } from './repair-units.js';
import type { RepairSite } from './repair-site.js';
import type { Ring } from '../format/ring.js';

/** Pages examined in one go: bounds how long a commit waits for them. */
const CHUNK_PAGES = 64;

/** A page whose bytes are back. */
export interface RebuiltPage {
  readonly role: Role;
  readonly range: ByteRange;
  /**
   * `memory`: the header, and the page being filled, which the open log holds. `rebuild`: records that the callback of
   * that name had. Otherwise the role of the file that had it.
   */
  readonly from: 'memory' | 'rebuild' | Role;
}

/** What repair() did. It leaves out healthy pages, and those whose loss an earlier repair has reported. */
export interface WalRepairReport {
  readonly rebuilt: readonly RebuiltPage[];
  /** Pages that held no committed record; they are empty now. */
  readonly emptied: readonly Damage[];
  /** Pages that take stores again but whose records are lost; replay() reports exactly those. */
  readonly lost: readonly Damage[];
  /** Pages that the medium still refuses. The log steps over them. */
  readonly failed: readonly Damage[];
}

/** Collects the outcomes of several steps. */
export class RepairReport implements WalRepairReport {
  readonly rebuilt: RebuiltPage[] = [];
  readonly emptied: Damage[] = [];
  lost: Damage[] = [];
  readonly failed: Damage[] = [];
}

/** All pages in portions that repairPages() takes: never all header copies, nor more than half of the ring, at once. */
export function portionsOf(ring: Ring): number[][] {
  const data = ring.dataPositions();
  const size = Math.max(1, Math.min(CHUNK_PAGES, Math.floor(data.length / 2)));
  const portions = ring.headerPositions.map((position) => [position]);
  for (let start = 0; start < data.length; start += size) portions.push(data.slice(start, start + size));
  return portions;
}

/**
 * Repairs the damaged pages at `positions` in every file, beside commits: data pages under repair are stepped over by
 * new records, header copies under repair miss commit points and get the one in force at the end.
 */
export async function repairPages(site: RepairSite, positions: readonly number[], report: RepairReport): Promise<void> {
  const refused: number[] = [];
  for (const logFile of site.place.logFiles) {
    const damaged = await site.whenIdle((state) => {
      const found = findDamaged(state, logFile, positions);
      const isLast = found.some((page) => page.isLast);
      site.avoid(found.map(({ damage }) => damage.range.offset), isLast);
      return found;
    });
    if (damaged.length === 0) continue;
    const outcome = await settled(repairUnitsOf(logFile, damaged));
    await site.whenIdle((state) => {
      site.avoid([], false);
      if ('error' in outcome) throw outcome.error;
      for (const page of damaged) {
        const failure = outcome.value.get(page.damage.range.offset) ?? finish(state, logFile, page);
        if (failure !== undefined) refused.push(failure.range.offset);
        note(report, logFile, page, failure);
      }
    });
  }
  await site.whenIdle(() => {
    site.refuse(positions, refused);
  });
}

function finish({ header, point }: LogState, logFile: LogFile, page: DamagedPage): Damage | undefined {
  const bytes = page.isHeader ? encodeHeaderPage(header, point) : page.replacement.bytes;
  return storeReplacement(logFile, page.damage, bytes);
}

function note(report: RepairReport, logFile: LogFile, page: DamagedPage, failure: Damage | undefined): void {
  const { damage, replacement } = page;
  if (failure !== undefined) report.failed.push(failure);
  else if (replacement.source === 'empty') report.emptied.push(damage);
  else if (replacement.source === 'lost') report.lost.push(damage);
  else report.rebuilt.push({ role: logFile.role, range: damage.range, from: replacement.source });
}

type Settled<Value> = { readonly value: Value } | { readonly error: unknown };

async function settled<Value>(promise: Promise<Value>): Promise<Settled<Value>> {
  return promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}
