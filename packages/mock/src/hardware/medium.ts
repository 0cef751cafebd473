/**
 * The persistent memory itself: bytes, and beside them the set of sectors that cannot be given back. Poisoning a sector
 * leaves its bytes alone, so that what was lost can always be compared with what came back. Storage is allocated when
 * it is first written, so a device of many GiB costs nothing until it is used.
 */
import { SECTOR_BYTES } from './geometry.js';
import type { Random } from '../random.js';
import { SectorSet } from './sector-set.js';

const CHUNK_BLOCKS = 16;
/** Below this many bytes a loop is quicker than making a view for TypedArray.set. */
const SHORT_COPY_BYTES = 96;

export class Medium {
  /** Sectors whose bytes the medium cannot give back, whether the kernel knows it or not. */
  readonly poison: SectorSet;
  /** Called after bytes of a block were changed: set while there are views. */
  changed: ((block: number, offset: number, length: number) => void) | undefined;
  readonly #chunks: (Uint8Array | undefined)[] = [];
  readonly #random: Random;
  readonly #neverWritten: Uint8Array;

  constructor(
    readonly blockBytes: number,
    readonly blockCount: number,
    random: Random,
    private readonly staleByte = 0,
  ) {
    this.poison = new SectorSet(blockBytes);
    this.#random = random;
    this.#neverWritten = new Uint8Array(CHUNK_BLOCKS * blockBytes).fill(staleByte);
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
    const from = (block % CHUNK_BLOCKS) * this.blockBytes + offset;
    copyBytes(chunk, from, target, targetOffset, length);
  }

  copyIn(block: number, offset: number, source: Uint8Array, sourceOffset: number, length: number): void {
    copyBytes(source, sourceOffset, this.#writable(block), (block % CHUNK_BLOCKS) * this.blockBytes + offset, length);
    this.changed?.(block, offset, length);
  }

  fillZeros(block: number, offset: number, length: number): void {
    // A page of 512 MiB that a store has mapped is zeroed whole: no memory is taken for zeros that are there.
    if (this.staleByte === 0 && this.#chunks[Math.floor(block / CHUNK_BLOCKS)] === undefined) return;
    const from = (block % CHUNK_BLOCKS) * this.blockBytes + offset;
    this.#writable(block).fill(0, from, from + length);
    this.changed?.(block, offset, length);
  }

  /** Offset in the block of the first poisoned byte among these; undefined if all are good. */
  firstPoisoned(block: number, offset: number, length: number): number | undefined {
    if (this.poison.empty) return undefined;
    const first = this.poison.firstTouched(block, offset, length);
    return first === undefined ? undefined : Math.max(offset, first);
  }

  /**
   * Ends the poison of the sectors that the bytes touch. What these held is arbitrary after that, as on a real device:
   * the caller must write them before they are read.
   */
  clear(block: number, offset: number, length: number): void {
    this.poison.remove(block, offset, length, (sectorOffset) => {
      const from = (block % CHUNK_BLOCKS) * this.blockBytes + sectorOffset;
      this.#random.fill(this.#writable(block).subarray(from, from + SECTOR_BYTES));
    });
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
