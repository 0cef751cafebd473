/**
 * Which block of the mock stands for which block of the kernel. As a rule they have the same number; if the mock has
 * that one in use (on a full filesystem), another takes its place, and has to go on doing so.
 */
import type { Layout } from '../scenarios/trace.js';

export class BlockPairs {
  readonly #mockOf = new Map<number, number>();
  readonly #kernelOf = new Map<number, number>();

  /** True if the same pages have storage in both, and every block is the one that stood for its counterpart before. */
  match(kernel: Layout, mock: Layout): boolean {
    const files = new Set([...Object.keys(kernel), ...Object.keys(mock)]);
    return [...files].every((file) => {
      if (kernel[file] === null || mock[file] === null) return kernel[file] === mock[file];
      const blocks = blocksOf(kernel, file);
      const mockBlocks = blocksOf(mock, file);
      return blocks.size === mockBlocks.size && [...blocks].every(([page, block]) => this.#pair(block, mockBlocks.get(page)));
    });
  }

  #pair(kernelBlock: number, mockBlock: number | undefined): boolean {
    if (mockBlock === undefined) return false;
    const known = this.#mockOf.get(kernelBlock);
    if (known !== undefined || this.#kernelOf.has(mockBlock)) return known === mockBlock;
    this.#mockOf.set(kernelBlock, mockBlock);
    this.#kernelOf.set(mockBlock, kernelBlock);
    return true;
  }
}

function blocksOf(layout: Layout, file: string): Map<number, number> {
  const blocks = new Map<number, number>();
  for (const [page, pages, block] of layout[file] ?? []) for (let i = 0; i < pages; i++) blocks.set(page + i, block + i);
  return blocks;
}
