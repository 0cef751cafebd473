/**
 * The effect of power loss on bytes that were stored and not persisted. The medium always holds the newest bytes; this
 * holds, for every 64-byte line stored to since it was last persisted, the bytes that are durable. At power loss each
 * 8-byte word of such a line keeps its newest or falls back to its durable value, each independently of the others.
 *
 * Limit: a word stored twice without a persist between can only come back as its first (durable) or its newest value,
 * not as the one between; crash at the store between to see that one.
 */
import { LINE_BYTES, WORD_BYTES } from './geometry.js';
import type { Medium } from './medium.js';

const WORDS_PER_LINE = LINE_BYTES / WORD_BYTES;

/** The durable bytes of one block's volatile lines; `volatileLines[i]` is 1 if line i of `durable` is meaningful. */
interface BlockShadow {
  owner: number;
  volatileCount: number;
  /** A flush has failed, and the kernel calls the page clean: no flush writes it before it is stored to again. */
  calledClean: boolean;
  readonly volatileLines: Uint8Array;
  readonly durable: Uint8Array;
}

/** A line at power loss: `differing` lists the words (0 to 7) whose newest and durable values differ. */
export interface VolatileLine {
  readonly block: number;
  readonly offset: number;
  readonly owner: number;
  readonly differing: readonly number[];
}

export class CpuCache {
  readonly #shadows = new Map<number, BlockShadow>();
  readonly #spare: BlockShadow[] = [];
  readonly #medium: Medium;
  readonly #blockBytes: number;
  readonly #linesPerBlock: number;

  constructor(medium: Medium) {
    this.#medium = medium;
    this.#blockBytes = medium.blockBytes;
    this.#linesPerBlock = medium.blockBytes / LINE_BYTES;
  }

  /** Must be called before bytes of the medium are overwritten by a store. `owner` is the inode stored to. */
  beforeStore(block: number, offset: number, length: number, owner: number): void {
    let shadow = this.#shadows.get(block);
    if (shadow === undefined) {
      shadow = this.#spare.pop() ?? {
        owner,
        volatileCount: 0,
        calledClean: false,
        volatileLines: new Uint8Array(this.#linesPerBlock),
        durable: new Uint8Array(this.#blockBytes),
      };
      this.#shadows.set(block, shadow);
    }
    shadow.owner = owner;
    shadow.calledClean = false;
    if (length === this.#blockBytes && shadow.volatileCount === 0) {
      this.#medium.copyOut(block, 0, shadow.durable, 0, this.#blockBytes);
      shadow.volatileLines.fill(1);
      shadow.volatileCount = this.#linesPerBlock;
      return;
    }
    const last = Math.floor((offset + length - 1) / LINE_BYTES);
    for (let line = Math.floor(offset / LINE_BYTES); line <= last; line++) {
      if (shadow.volatileLines[line] === 1) continue;
      shadow.volatileLines[line] = 1;
      shadow.volatileCount++;
      this.#medium.copyOut(block, line * LINE_BYTES, shadow.durable, line * LINE_BYTES, LINE_BYTES);
    }
  }

  /** Makes the newest bytes of every line that the bytes touch the durable ones. */
  persist(block: number, offset: number, length: number): void {
    const shadow = this.#shadows.get(block);
    if (shadow === undefined) return;
    if (length === this.#blockBytes) {
      shadow.volatileLines.fill(0);
      shadow.volatileCount = 0;
      this.#drop(block, shadow);
      return;
    }
    const last = Math.floor((offset + length - 1) / LINE_BYTES);
    for (let line = Math.floor(offset / LINE_BYTES); line <= last; line++) {
      if (shadow.volatileLines[line] !== 1) continue;
      shadow.volatileLines[line] = 0;
      shadow.volatileCount--;
    }
    if (shadow.volatileCount === 0) this.#drop(block, shadow);
  }

  /** Does what a flush by the kernel does: persist(), unless the kernel calls the block clean. */
  flush(block: number, offset: number, length: number): void {
    if (this.#shadows.get(block)?.calledClean !== true) this.persist(block, offset, length);
  }

  /** flush() of everything that was stored to the inode. */
  flushOwner(owner: number): void {
    for (const [block, shadow] of this.#shadows) if (shadow.owner === owner) this.flush(block, 0, this.#blockBytes);
  }

  /** A flush of the block has failed: it is called clean, and is not durable. */
  dropWriteback(block: number): void {
    const shadow = this.#shadows.get(block);
    if (shadow !== undefined) shadow.calledClean = true;
  }

  /** Does what dropWriteback() does for everything that was stored to the inode. */
  dropWritebackOf(owner: number): void {
    for (const shadow of this.#shadows.values()) if (shadow.owner === owner) shadow.calledClean = true;
  }

  /** Makes everything that was stored to the inode durable, whatever flushes of it have failed. */
  persistOwner(owner: number): void {
    for (const [block, shadow] of this.#shadows) if (shadow.owner === owner) this.persist(block, 0, this.#blockBytes);
  }

  /** True if the inode has a line that power loss could take back. */
  hasVolatile(owner: number): boolean {
    for (const shadow of this.#shadows.values()) if (shadow.owner === owner) return true;
    return false;
  }

  /**
   * Loses power. For each volatile line that differs from its durable bytes, in order of address, `survivors` says
   * which of the differing words keep their newest value: bit i stands for `line.differing[i]`.
   */
  powerFail(survivors: (line: VolatileLine) => number): void {
    for (const [block, shadow] of [...this.#shadows].sort(([a], [b]) => a - b)) {
      const newest = new Uint8Array(this.#blockBytes);
      this.#medium.copyOut(block, 0, newest, 0, this.#blockBytes);
      for (let line = 0; line < this.#linesPerBlock; line++) {
        if (shadow.volatileLines[line] !== 1) continue;
        const differing = differingWords(newest, shadow.durable, line * LINE_BYTES);
        if (differing.length === 0) continue;
        const offset = line * LINE_BYTES;
        const kept = survivors({ block, offset, owner: shadow.owner, differing });
        differing.forEach((word, bit) => {
          const at = offset + word * WORD_BYTES;
          if ((kept & (1 << bit)) === 0) this.#medium.copyIn(block, at, shadow.durable, at, WORD_BYTES);
        });
      }
    }
    this.#shadows.clear();
  }

  #drop(block: number, shadow: BlockShadow): void {
    this.#shadows.delete(block);
    if (this.#spare.length < 64) this.#spare.push(shadow);
  }
}

function differingWords(newest: Uint8Array, durable: Uint8Array, offset: number): number[] {
  const words: number[] = [];
  for (let word = 0; word < WORDS_PER_LINE; word++) {
    const from = offset + word * WORD_BYTES;
    for (let i = from; i < from + WORD_BYTES; i++) {
      if (newest[i] === durable[i]) continue;
      words.push(word);
      break;
    }
  }
  return words;
}
