/** Turns extents into layouts, and tells which files have moved since they were last looked at. */
import type { Extent, ExtentsOutcome } from '@safe-pmem/core';
import { pageBytes } from './file-steps.js';
import type { FileLayout } from './trace.js';

export class LayoutRecorder {
  readonly #known = new Map<string, string>();
  #firstBlock: number | undefined;

  /** Blocks are counted from `originBlock`, or else from the first one seen. */
  constructor(originBlock?: number) {
    this.#firstBlock = originBlock;
  }

  /** The layout of a file, unless it is the one that was last seen; null where the filesystem does not tell. */
  moved(file: string, found: ExtentsOutcome): FileLayout | null | undefined {
    const layout = 'failure' in found ? null : this.#layoutOf(found.extents);
    const text = JSON.stringify(layout);
    if ((this.#known.get(file) ?? '[]') === text) return undefined;
    this.#known.set(file, text);
    return layout;
  }

  #layoutOf(extents: readonly Extent[]): FileLayout {
    const runs: [page: number, pages: number, block: number][] = [];
    for (const extent of extents) {
      if (extent.unmapped) continue;
      const block = Math.floor(extent.physicalOffset / pageBytes);
      const page = Math.floor(extent.offset / pageBytes);
      const pages = Math.ceil(extent.length / pageBytes);
      this.#firstBlock ??= block;
      const last = runs.at(-1);
      const relative = block - this.#firstBlock;
      if (last !== undefined && last[0] + last[1] === page && last[2] + last[1] === relative) last[1] += pages;
      else runs.push([page, pages, relative]);
    }
    return runs;
  }
}
