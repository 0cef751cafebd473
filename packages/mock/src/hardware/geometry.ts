/** Sizes of the simulated machine, in bytes. They are those of the measured machines and cannot be chosen. */

/** Bytes that a program can map: 47 bits of addresses. */
export const ADDRESS_SPACE_BYTES = 2 ** 47;
/** The unit of the kernel's bad-block list. */
export const SECTOR_BYTES = 512;
/** Filesystem block and page: the granule of mapping, allocation and repair. */
export const BLOCK_BYTES = 4096;
/** The bytes that a CPU cache writes back at once. */
export const LINE_BYTES = 64;
/** The bytes that a CPU stores at once: power loss never splits them. */
export const WORD_BYTES = 8;

/** The sectors of a block that the bytes touch: bit i of the mask is sector i. */
export function sectorMask(offsetInBlock: number, lengthBytes: number): number {
  const first = Math.floor(offsetInBlock / SECTOR_BYTES);
  const last = Math.floor((offsetInBlock + lengthBytes - 1) / SECTOR_BYTES);
  return (2 << last) - (1 << first);
}

/** Calls `visit` once for each block that the bytes touch. `done` counts the bytes of earlier visits. */
export function forEachBlock(
  position: number,
  length: number,
  visit: (block: number, offsetInBlock: number, lengthBytes: number, done: number) => void,
): void {
  for (let done = 0; done < length; ) {
    const at = position + done;
    const offset = at % BLOCK_BYTES;
    const step = Math.min(BLOCK_BYTES - offset, length - done);
    visit((at - offset) / BLOCK_BYTES, offset, step, done);
    done += step;
  }
}

/** Blocks from the start of the file to the end of byte `sizeBytes - 1`. */
export function blocksIn(sizeBytes: number): number {
  return Math.ceil(sizeBytes / BLOCK_BYTES);
}
