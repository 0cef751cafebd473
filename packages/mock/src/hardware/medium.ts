/**
 * The persistent memory itself: bytes, and beside them the set of sectors that cannot be given back. Poisoning a sector
 * leaves its bytes alone, so that what was lost can always be compared with what came back. Storage is allocated when
 * it is first written, so a device of many GiB costs nothing until it is used.
 */
import { BLOCK_BYTES, SECTOR_BYTES, sectorMask } from './geometry.js';
import type { Random } from '../random.js';
import { SectorSet } from './sector-set.js';

const CHUNK_BLOCKS = 16;
const CHUNK_BYTES = CHUNK_BLOCKS * BLOCK_BYTES;
/** Below this many bytes a loop is quicker than making a view for TypedArray.set. */
const SHORT_COPY_BYTES = 96;

export class Medium {
  /** Sectors whose bytes the medium cannot give back, whether the kernel knows it or not. */
  readonly poison = new SectorSet();
  readonly #chunks: (Uint8Array | undefined)[] = [];
  readonly #random: Random;
  readonly #neverWritten: Uint8Array;

  constructor(
    readonly blockCount: number,
    random: Random,
    staleByte = 0,
  ) {
    this.#random = random;
    this.#neverWritten = new Uint8Array(CHUNK_BYTES).fill(staleByte);
  }

  /** Takes over the bytes and the poison of a medium of the same size. */
  copyFrom(other: Medium): void {
    this.poison.copyFrom(other.poison);
    other.#chunks.forEach((chunk, index) => {
      this.#chunks[index] = chunk?.slice();
    });
  }

  /** Copies bytes of one block, poisoned or not: whether they may be seen is decided above. */
  copyOut(block: number, offset: number, target: Uint8Array, targetOffset: number, length: number): void {
    const chunk = this.#chunks[Math.floor(block / CHUNK_BLOCKS)] ?? this.#neverWritten;
    const from = (block % CHUNK_BLOCKS) * BLOCK_BYTES + offset;
    copyBytes(chunk, from, target, targetOffset, length);
  }

  copyIn(block: number, offset: number, source: Uint8Array, sourceOffset: number, length: number): void {
    copyBytes(source, sourceOffset, this.#writable(block), (block % CHUNK_BLOCKS) * BLOCK_BYTES + offset, length);
  }

  fillZeros(block: number, offset: number, length: number): void {
    const from = (block % CHUNK_BLOCKS) * BLOCK_BYTES + offset;
    this.#writable(block).fill(0, from, from + length);
  }

  /** Offset in the block of the first poisoned byte among these; undefined if all are good. */
  firstPoisoned(block: number, offset: number, length: number): number | undefined {
    if (this.poison.empty) return undefined;
    const hit = this.poison.maskOf(block) & sectorMask(offset, length);
    if (hit === 0) return undefined;
    return Math.max(offset, Math.log2(hit & -hit) * SECTOR_BYTES);
  }

  /**
   * Ends the poison of the sectors. Their bytes are arbitrary after that, as on a real device: the caller must write
   * them before they are read.
   */
  clear(block: number, mask: number): void {
    const cleared = this.poison.maskOf(block) & mask;
    this.poison.remove(block, cleared);
    for (let sector = 0; sector < BLOCK_BYTES / SECTOR_BYTES; sector++) {
      if ((cleared & (1 << sector)) === 0) continue;
      const from = (block % CHUNK_BLOCKS) * BLOCK_BYTES + sector * SECTOR_BYTES;
      this.#random.fill(this.#writable(block).subarray(from, from + SECTOR_BYTES));
    }
  }

  #writable(block: number): Uint8Array {
    const index = Math.floor(block / CHUNK_BLOCKS);
    const chunk = this.#chunks[index];
    if (chunk !== undefined) return chunk;
    const fresh = this.#neverWritten.slice();
    this.#chunks[index] = fresh;
    return fresh;
  }
}

function copyBytes(source: Uint8Array, from: number, target: Uint8Array, to: number, length: number): void {
  if (length <= SHORT_COPY_BYTES) for (let i = 0; i < length; i++) target[to + i] = source[from + i] ?? 0;
  else target.set(source.subarray(from, from + length), to);
}
