/** Repairs of an open log: one portion at a time for all callers, beside commits. */
import type { ByteRange } from '@safe-pmem/core';
import { PmemError, alignOut, coalesce } from '@safe-pmem/core';
import type { Records, StoredPage } from './fill-gaps.js';
import { pagesOfGap, storeGap } from './fill-gaps.js';
import { findGaps } from './find-gaps.js';
import { PAGE_BYTES } from '../format/format.js';
import type { Ring } from '../format/ring.js';
import type { Damage } from '../log-files.js';
import type { WalRepairReport } from './repair-pages.js';
import { RepairReport, portionsOf, repairPages, smallPortionsOf } from './repair-pages.js';
import type { RepairSite } from './repair-site.js';
import type { WalScrubOptions } from './scrub-log.js';
import { scrubLog } from './scrub-log.js';

/** Records `first` … `last`, whole, as far as the application still has them. */
export type RebuildRecords = (lost: { readonly first: number; readonly last: number }) => Promise<Records> | Records;

export interface WalRepairOptions {
  /** Asked for the records that no file of the log has, one run of them at a time. */
  readonly rebuild?: RebuildRecords;
}

export class LogRepairs {
  readonly #site: RepairSite;
  #queue: Promise<unknown> = Promise.resolve();
  #running = 0;

  constructor(site: RepairSite) {
    this.#site = site;
  }

  /** File positions of the data pages that the medium refuses for good. */
  get refused(): readonly number[] {
    return this.#site.refused;
  }

  /**
   * The repair that runs now, if nothing may be stored beside it: it holds the last header copy, or its units hold
   * several pages, and it would put back old bytes of those that are healthy.
   */
  get exclusive(): Promise<unknown> | undefined {
    return this.#site.isExclusive ? this.#queue : undefined;
  }

  /** True while a repair may still store something. */
  get isRunning(): boolean {
    return this.#running > 0;
  }

  /** Resolves when every repair that has begun has ended. */
  async ended(): Promise<void> {
    await this.#queue;
  }

  async repairAll({ rebuild }: WalRepairOptions = {}): Promise<WalRepairReport> {
    const report = new RepairReport();
    await this.#prepare();
    for (const portion of portionsOf(this.#site.place.ring)) {
      await this.#repair(portion, report);
      await new Promise(setImmediate);
    }
    if (rebuild !== undefined) await this.#fillGaps(rebuild, report);
    return report;
  }

  async #fillGaps(rebuild: RebuildRecords, report: RepairReport): Promise<void> {
    const { place } = this.#site;
    const point = await this.#site.whenIdle((state) => state.point);
    for await (const gap of findGaps(place, point)) {
      const [first, last] = [gap.pieces[0]?.sequence ?? 0, gap.pieces.at(-1)?.sequence ?? 0];
      // A checkpoint has dropped them meanwhile.
      if (last < (await this.#site.whenIdle((state) => state.point.firstSequence))) continue;
      const records = await rebuild({ first, last });
      await this.#site.whenIdle((state) => {
        const pages = pagesOfGap(place, state.point, gap, records);
        for (const stored of pages === undefined ? [] : storeGap(place, state.point, pages)) noteStored(report, stored);
      });
    }
  }

  /** Repairs the pages, of all files, that an error names; one that names none says that a repair is in the way. */
  async repairNamed(refusal: unknown): Promise<void> {
    await this.repairRanges(refusal instanceof PmemError ? refusal.ranges : []);
  }

  /** Repairs the pages, of all files, that the ranges touch, after the repairs that run now. */
  async repairRanges(ranges: readonly ByteRange[]): Promise<WalRepairReport> {
    const { ring } = this.#site.place;
    const named = positionsIn(ranges, ring);
    await this.#queue;
    const report = new RepairReport();
    await this.#prepare();
    for (const portion of portionsOf(ring)) {
      const positions = portion.filter((position) => named.has(position));
      if (positions.length > 0) await this.#repair(positions, report);
    }
    return report;
  }

  /** Brings back header copies that did not take a commit point; returns those that the medium refuses. */
  async restoreCopies(missing: readonly Damage[]): Promise<readonly Damage[]> {
    const positions = missing.map(({ range }) => range.offset).filter((position) => !this.#site.isRefused(position));
    if (positions.length === 0) return missing;
    const report = new RepairReport();
    await this.#prepare();
    for (const position of new Set(positions)) await this.#repair([position], report);
    return report.failed;
  }

  async scrub(options: WalScrubOptions): Promise<WalRepairReport> {
    const { logFiles, ring } = this.#site.place;
    const report = new RepairReport();
    await this.#prepare();
    await scrubLog(logFiles, smallPortionsOf(ring), options, report, (portion) => this.#repair(portion, report));
    return report;
  }

  /**
   * Asks for the kernel's list before anything that it calls bad is touched, and settles the last batch before its
   * pages are repaired.
   */
  async #prepare(): Promise<void> {
    this.#site.requireWriter();
    await Promise.all(this.#site.place.logFiles.map(({ file }) => file.badBlocks()));
    await this.#site.settle();
  }

  #repair(positions: readonly number[], report: RepairReport): Promise<void> {
    const run = (): Promise<void> => repairPages(this.#site, positions, report);
    this.#running++;
    const done = this.#queue.then(run, run).finally(() => {
      this.#running--;
    });
    this.#queue = done.catch(() => undefined);
    return done;
  }
}

/** Positions of the pages that the ranges touch. */
function positionsIn(ranges: readonly ByteRange[], ring: Ring): ReadonlySet<number> {
  const positions = new Set<number>();
  for (const range of coalesce(ranges)) {
    const { offset, length } = alignOut(range, PAGE_BYTES);
    const end = Math.min(offset + length, ring.pageCount * PAGE_BYTES);
    for (let position = offset; position < end; position += PAGE_BYTES) positions.add(position);
  }
  return positions;
}

function noteStored(report: RepairReport, { logFile: { role }, position, damage }: StoredPage): void {
  const isThis = (lost: Damage): boolean => lost.role === role && lost.range.offset === position;
  report.lost = report.lost.filter((lost) => !isThis(lost));
  if (damage !== undefined) report.failed.push(damage);
  else report.rebuilt.push({ role, range: { offset: position, length: PAGE_BYTES }, from: 'rebuild' });
}
