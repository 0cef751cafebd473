/**
 * Sizes of the simulated machine, in bytes. That of a page can be chosen; the others are as on the measured machines.
 * A page is also the block of the filesystem, as DAX wants it: the granule of mapping, allocation and repair.
 */

/** Sizes that the processors of today have: x86-64 the first alone, arm64 all three. */
export const PAGE_SIZES: readonly number[] = [4096, 16_384, 65_536];

/** Bytes that a program can map: 47 bits of addresses. */
export const ADDRESS_SPACE_BYTES = 2 ** 47;
/** The unit of the kernel's bad-block list. */
export const SECTOR_BYTES = 512;
/** The bytes that a CPU cache writes back at once. */
export const LINE_BYTES = 64;
/** The bytes that a CPU stores at once: power loss never splits them. */
export const WORD_BYTES = 8;

/** Calls `visit` once for each block that the bytes touch. `done` counts the bytes of earlier visits. */
export function forEachBlock(
  blockBytes: number,
  position: number,
  length: number,
  visit: (block: number, offsetInBlock: number, lengthBytes: number, done: number) => void,
): void {
  for (let done = 0; done < length; ) {
    const at = position + done;
    const offset = at % blockBytes;
    const step = Math.min(blockBytes - offset, length - done);
    visit((at - offset) / blockBytes, offset, step, done);
    done += step;
  }
}

/** Blocks from the start of the file to the end of byte `sizeBytes - 1`. */
export function blocksIn(blockBytes: number, sizeBytes: number): number {
  return Math.ceil(sizeBytes / blockBytes);
}

/** Bytes of an entry of a page table. */
const ENTRY_BYTES = 8;

/** Blocks of a huge page, as many as a page has room for entries: 512 (2 MiB), 2048 (32 MiB) or 8192 (512 MiB). */
export function hugePageBlocks(blockBytes: number): number {
  return blockBytes / ENTRY_BYTES;
}
