/** Keeps what this process knows of the kernel's list in step with it, whatever else the file does meanwhile. */
import type { CompleteFile } from '../driver/driver.js';
import { takeOverListed } from '../faults/ask-again.js';
import type { UnsafeRanges } from '../faults/unsafe-ranges.js';
import type { ByteRange } from '../ranges/byte-range.js';
import { intersectAll } from '../ranges/byte-range.js';
import type { FileBadBlock, FileBadBlocks } from './bad-blocks.js';
import { queryBadBlocks } from './bad-blocks.js';

/** So often the list is read while something else changes what is known of it. */
const READINGS_MAX = 16;

/**
 * Asks the kernel's list, and keeps what it says of `whole`, the file, in `unsafe`. A reading that a repair, a resize
 * or another reading has overtaken is out of date: the list is read again.
 */
export async function refreshKnown(file: CompleteFile, unsafe: UnsafeRanges, whole: ByteRange): Promise<FileBadBlocks> {
  for (let readings = 1; ; readings++) {
    const before = unsafe.listReadings;
    const answer = await queryBadBlocks(file, whole);
    const isOvertaken = unsafe.listReadings !== before;
    if (isOvertaken && readings < READINGS_MAX) continue;
    if (answer.supported && !isOvertaken) {
      const mapped: ByteRange = { offset: 0, length: file.mappedBytes };
      // Unwritten blocks read as zeros that touch no media: they are reported, but may be read.
      takeOverListed(file, unsafe, whole, intersectAll(writtenBlocks(answer), [mapped]));
    }
    return answer;
  }
}

/** The blocks that hold lost bytes. */
export function writtenBlocks({ blocks }: { readonly blocks: readonly FileBadBlock[] }): ByteRange[] {
  return blocks.filter((block) => !block.unwritten);
}
