/** The log around a repair: its state between two commits, and the pages that commits have to leave alone. */
import type { Committer } from '../commit/committer.js';
import { PAGE_BYTES } from '../format/format.js';
import type { LogHeader } from '../format/header-page.js';
import type { LogFiles } from '../read/read-pages.js';
import type { LogState } from './damaged-pages.js';

export interface RepairSiteOptions {
  readonly place: LogFiles;
  readonly header: LogHeader;
  readonly committer: Committer;
  /** Throws if the log is closed or may not be written. */
  readonly requireWriter: () => void;
}

export class RepairSite {
  readonly place: LogFiles;
  readonly #header: LogHeader;
  readonly #committer: Committer;
  readonly #requireWriter: () => void;
  readonly #hasLargeUnits: boolean;
  /** File positions of the pages under repair. */
  readonly #avoided = new Set<number>();
  #isAlone = false;
  /** File positions of pages that the medium refuses for good. */
  readonly #refused = new Set<number>();

  constructor({ place, header, committer, requireWriter }: RepairSiteOptions) {
    this.place = place;
    this.#header = header;
    this.#committer = committer;
    this.#requireWriter = requireWriter;
    this.#hasLargeUnits = place.logFiles.some(({ file }) => file.info().repairUnitBytes > PAGE_BYTES);
  }

  /** Throws if the log is closed, may not be written, or has failed. */
  requireWriter(): void {
    this.#requireWriter();
    this.#committer.requireSound();
  }

  /** Runs `action` while no commit is on its way. */
  whenIdle<Result>(action: (state: LogState) => Result): Promise<Result> {
    const { place } = this;
    return this.#committer.whenIdle(() => {
      this.requireWriter();
      const { point, pending } = this.#committer;
      return action({ place, header: this.#header, point, tail: pending.tail });
    });
  }

  /** Makes durable that the last batch is, before its pages are repaired. */
  settle(): Promise<void> {
    return this.#committer.whenIdle(() => {
      this.requireWriter();
      this.#committer.settle();
    });
  }

  /**
   * Has records laid out around these pages, by file position, until release(). With `alone`, or if units hold several
   * pages, nothing may be committed meanwhile.
   */
  avoid(positions: readonly number[], alone: boolean): void {
    for (const position of positions) this.#avoided.add(position);
    this.#isAlone ||= alone || this.#hasLargeUnits;
    this.#layOutAround();
  }

  /** The repair of all pages that avoid() was told of is over. */
  release(): void {
    this.#avoided.clear();
    this.#isAlone = false;
    this.#layOutAround();
  }

  /** Notes that of the pages `examined` the medium refuses those in `refused`, until they are examined again. */
  refuse(examined: readonly number[], refused: readonly number[]): void {
    for (const position of examined) this.#refused.delete(position);
    for (const position of refused) this.#refused.add(position);
    this.#layOutAround();
  }

  /** True if the medium refuses the page at this file position for good. */
  isRefused(position: number): boolean {
    return this.#refused.has(position);
  }

  /** File positions of the data pages that the medium refuses for good. */
  get refused(): readonly number[] {
    return this.#withoutHeaders([...this.#refused]);
  }

  /** True if nothing may be stored beside the repair that runs. */
  get isExclusive(): boolean {
    return this.#isAlone && this.#avoided.size > 0;
  }

  #layOutAround(): void {
    this.#committer.pending.setUnusable(new Set(this.#withoutHeaders([...this.#refused, ...this.#avoided])));
  }

  #withoutHeaders(positions: readonly number[]): number[] {
    const { headerPositions } = this.place.ring;
    return positions.filter((position) => !headerPositions.includes(position));
  }
}
