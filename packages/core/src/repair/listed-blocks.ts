import type { CompleteFile } from '../driver/driver.js';
import type { ByteRange } from '../ranges/byte-range.js';
import { rangeEnd } from '../ranges/byte-range.js';
import type { FileBadBlock, FileBadBlocks } from '../rescue/bad-blocks.js';
import { queryBadBlocks } from '../rescue/bad-blocks.js';

/** The kernel's list of bad blocks, for the part of a file that a repair spans. */
export class ListedBlocks {
  readonly #file: CompleteFile;
  readonly #within: ByteRange;
  /** The list when the repair began. */
  readonly before: FileBadBlocks;
  #blocks: readonly FileBadBlock[];
  #isAskedAgain = false;

  private constructor(file: CompleteFile, within: ByteRange, before: FileBadBlocks) {
    this.#file = file;
    this.#within = within;
    this.before = before;
    this.#blocks = before.supported ? before.blocks : [];
  }

  static async of(file: CompleteFile, within: ByteRange): Promise<ListedBlocks> {
    return new ListedBlocks(file, within, await queryBadBlocks(file, within, true));
  }

  /** As the list was read last; none if it cannot be read. */
  get blocks(): readonly FileBadBlock[] {
    return this.#blocks;
  }

  /** Reads the list once more for `span`: another process may have cleared blocks of it. */
  async askAgain(span: ByteRange): Promise<void> {
    this.#isAskedAgain = true;
    const now = await queryBadBlocks(this.#file, span, true);
    if (!now.supported) return;
    const elsewhere = this.#blocks.filter((block) => rangeEnd(block) <= span.offset || block.offset >= rangeEnd(span));
    this.#blocks = [...elsewhere, ...now.blocks].sort((a, b) => a.offset - b.offset);
  }

  /** The list at the end of the repair. `hasWorked`: some unit was written or refused. */
  async after(hasWorked: boolean): Promise<FileBadBlocks> {
    if (!hasWorked && !this.#isAskedAgain) return this.before;
    return queryBadBlocks(this.#file, this.#within, true);
  }
}
