/** Makes the mock's allocator choose what the real one chose, by the layouts of a trace. */
import path from 'node:path';
import type { MockDriver, PlacementRequest } from '@safe-pmem/mock';
import { pageBytes } from '../scenarios/file-steps.js';
import type { FileLayout, Layout, StepRecord } from '../scenarios/trace.js';

/**
 * Device block of the mock that stands for block 0 of a layout: layouts count in both directions from there. Both this and
 * what the mock has above it are more than the guest's device has.
 */
const originBlock = 131_072;

/** Layouts after each step, those of files that the step did not move included. */
export function accumulateLayouts(records: readonly StepRecord[]): Layout[] {
  let layout: Layout = {};
  return records.map((record) => {
    layout = { ...layout, ...record.layout };
    return layout;
  });
}

export class LayoutFollower {
  readonly originBytes = originBlock * pageBytes;
  readonly #layouts: readonly Layout[];
  #current: Layout = {};

  constructor(records: readonly StepRecord[]) {
    this.#layouts = accumulateLayouts(records);
  }

  /** The next allocations are those of this step. */
  beforeStep(index: number): void {
    this.#current = this.#layouts[index] ?? {};
  }

  /**
   * Position of the block, in bytes on the mock's device. A filesystem that did not survive the step does not tell where:
   * but then it was a block that is bad and cannot be cleared, as nothing else takes a filesystem down here.
   */
  place({ path: file, offset }: PlacementRequest, driver: Pick<MockDriver, 'freePool'>): number | undefined {
    const layout = file === undefined ? undefined : this.#current[path.basename(file)];
    if (layout === null) return driver.freePool.poisoned[0]?.offset;
    const block = blockAt(layout ?? [], Math.floor(offset / pageBytes));
    return block === undefined ? undefined : (originBlock + block) * pageBytes;
  }
}

function blockAt(layout: FileLayout, page: number): number | undefined {
  const run = layout.find(([first, pages]) => first <= page && page < first + pages);
  return run === undefined ? undefined : run[2] + page - run[0];
}
