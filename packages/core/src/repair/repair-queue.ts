/** Runs repairs and resizes of one open file one after the other. Diagnostics channels hear what became of repairs. */
import { isRepairError, PmemError } from '../errors/errors.js';
import { publishLoss, publishRepair } from '../errors/events.js';
import type { OpenState } from '../opening/open-state.js';
import type { ByteRange } from '../ranges/byte-range.js';
import { coalesce, intersectAll, rangeEnd } from '../ranges/byte-range.js';
import { requireRanges } from '../arguments.js';
import type { RepairReceipt } from './receipt.js';
import { repairRequest } from './repair-options.js';
import { repairRanges } from './repair.js';
import { asEnclosing, enclosingRepairs } from './enclosing-repairs.js';
import type { RepairOptions } from './types.js';

export class RepairQueue {
  readonly #state: OpenState;
  #last: Promise<unknown> = Promise.resolve();
  #pending = 0;

  constructor(state: OpenState) {
    this.#state = state;
  }

  /** A repair runs or waits. */
  get isBusy(): boolean {
    return this.#pending > 0;
  }

  /** Runs a resize after those that were asked for before; repairs that are asked for later wait for it. */
  async resize(run: () => Promise<void>): Promise<void> {
    const resized = this.#last.then(run);
    this.#last = resized.catch(() => undefined);
    await resized;
  }

  /** See PmemFile.repair(): checks what is asked for, and repairs after those that were asked for before. */
  async repair(asked: ByteRange | readonly ByteRange[], options: RepairOptions): Promise<RepairReceipt> {
    const { path, sizeBytes } = this.#state;
    this.#state.assertOpen();
    const list = Array.isArray(asked) ? (asked as readonly ByteRange[]) : [asked as ByteRange];
    const ranges = coalesce(requireRanges('ranges', list, sizeBytes));
    const request = repairRequest(options);
    this.#state.assertWritable(ranges);
    const enclosing = enclosingRepairs();
    if (enclosing.some(({ file }) => file === this)) {
      const message = 'repair() was called from inside rebuild of the same file';
      throw new PmemError('ERR_PMEM_LOCKED', message, { path, ranges });
    }
    if (ranges.length === 0) return { units: [] };
    const run = async (): Promise<RepairReceipt> => {
      const state = this.#state;
      state.assertOpen();
      // What a resize() has cut off meanwhile needs no repair.
      const isCut = rangeEnd(ranges.at(-1) as ByteRange) > state.sizeBytes;
      const inFile = isCut ? intersectAll(ranges, [state.wholeFile()]) : ranges;
      if (inFile.length === 0) return { units: [] };
      const { file, unsafe, journal } = state;
      const context = { file, unsafe, journal, assertOpen: () => { state.assertOpen(); } };
      return asEnclosing(enclosing, this, () => repairRanges(context, inFile, request));
    };
    this.#pending++;
    const receipt = this.#last.then(run, run).finally(() => {
      this.#pending--;
    });
    this.#last = receipt.catch(() => undefined);
    try {
      const result = await receipt;
      publishRepair({ path, receipt: result });
      this.#publishLosses(result);
      return result;
    } catch (error) {
      // Units of earlier batches are repaired all the same.
      if (isRepairError(error)) this.#publishLosses(error.receipt);
      throw error;
    }
  }

  #publishLosses({ units }: RepairReceipt): void {
    publishLoss({ path: this.#state.path, ranges: coalesce(units.flatMap((unit) => unit.tombstoned)) });
  }
}
