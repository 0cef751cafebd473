/**
 * Makes damaged pages usable again while the log goes on, with their bytes if memory, the other file or `rebuild` has
 * them.
 */
import type { ByteRange } from '@safe-pmem/core';
import type { DamagedPage, LogState } from './damaged-pages.js';
import { PageRooms, findDamaged } from './damaged-pages.js';
import { encodeHeaderPage } from '../format/header-page.js';
import type { Damage, LogFile, Role } from '../log-files.js';
import { repairUnitsOf, storeReplacement } from './repair-units.js';
import type { RepairSite } from './repair-site.js';
import type { Ring } from '../format/ring.js';

/** Pages examined, or taken back, in one go: bounds how long a commit waits for them. */
const STEP_PAGES = 64;

/** Pages under repair together, at most: their bytes are held in memory. One of few pages costs as many flushes. */
const BATCH_PAGES = 2048;

/** Records are laid out around pages under repair: of a large log they are no more than this part. */
const BATCH_SHARE = 1 / 8;

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

/**
 * All pages in portions that repairPages() takes: never all header copies, nor more than half of the ring, at once.
 * Each portion is a repair of its own, if anything of it is damaged, and costs its flushes.
 */
export function portionsOf(ring: Ring): number[][] {
  return portionsOfPages(ring, Math.max(STEP_PAGES, Math.min(BATCH_PAGES, Math.floor(ring.dataPages * BATCH_SHARE))));
}

/** Portions for what goes at a pace of its own. */
export function smallPortionsOf(ring: Ring): number[][] {
  return portionsOfPages(ring, STEP_PAGES);
}

function portionsOfPages(ring: Ring, pagesMax: number): number[][] {
  const size = Math.max(1, Math.min(pagesMax, Math.floor(ring.dataPages / 2)));
  return [...ring.headerPositions.map((position) => [position]), ...inPieces(ring.dataPositions(), size)];
}

/**
 * Repairs the damaged pages at `positions` in every file, beside commits: data pages under repair are stepped over by
 * new records, header copies under repair miss commit points and get the one in force at the end.
 */
export async function repairPages(site: RepairSite, positions: readonly number[], report: RepairReport): Promise<void> {
  const refused: number[] = [];
  for (const logFile of site.place.logFiles) {
    const damaged = await examine(site, logFile, positions);
    if (damaged.length === 0) continue;
    const outcome = await settled(repairUnitsOf(logFile, damaged));
    // Of few pages two steps as well, so that a small log is repaired as a large one is.
    await inSteps(site, damaged, Math.min(STEP_PAGES, Math.ceil(damaged.length / 2)), (state, pages) => {
      if ('error' in outcome) throw outcome.error;
      for (const page of pages) {
        const failure = outcome.value.get(page.damage.range.offset) ?? finish(state, logFile, page);
        if (failure !== undefined) refused.push(failure.range.offset);
        note(report, logFile, page, failure);
      }
      if (pages.at(-1) === damaged.at(-1)) site.release();
    });
  }
  await site.whenIdle(() => {
    site.refuse(positions, refused);
  });
}

/** From the moment in which a damaged page is found, commits leave it alone: what it has to hold stays true. */
async function examine(site: RepairSite, logFile: LogFile, positions: readonly number[]): Promise<DamagedPage[]> {
  const damaged: DamagedPage[] = [];
  const rooms = new PageRooms(positions.length, STEP_PAGES);
  await inSteps(site, positions, STEP_PAGES, (state, some) => {
    const found = findDamaged(state, logFile, some, rooms);
    if (found.length === 0) return;
    damaged.push(...found);
    site.avoid(found.map(({ damage }) => damage.range.offset), found.some(({ isLast }) => isLast));
  });
  return damaged;
}

/**
 * Runs `step` on one part after the other while no commit is on its way, which there may be in between. An error ends
 * the repair of all pages.
 */
async function inSteps<Item>(
  site: RepairSite, items: readonly Item[], size: number, step: (state: LogState, some: readonly Item[]) => void,
): Promise<void> {
  for (const [i, some] of inPieces(items, size).entries()) {
    if (i > 0 && size === STEP_PAGES) await new Promise(setImmediate);
    await site.whenIdle((state) => {
      try {
        step(state, some);
      } catch (error) {
        site.release();
        throw error;
      }
    });
  }
}

function inPieces<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
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
