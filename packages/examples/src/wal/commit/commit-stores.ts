/**
 * Stores the bytes of a commit in each file, and makes them durable. One commit is on its way at a time, so all of them
 * share these objects, which are in the processor's caches after a wait for a disk.
 */
import type { ByteRange } from '@safe-pmem/core';
import type { LogFile } from '../log-files.js';

interface Piece {
  position: number;
  bytes: Uint8Array;
}

interface MutableRange {
  offset: number;
  length: number;
}

export class CommitStores {
  readonly #logFiles: readonly LogFile[];
  readonly #pieces: Piece[] = [];
  /** By rising offset. */
  readonly #ranges: MutableRange[] = [];
  #count = 0;

  constructor(logFiles: readonly LogFile[]) {
    this.#logFiles = logFiles;
  }

  clear(): void {
    this.#count = 0;
  }

  /** The bytes belong to `position` of each file, and stay as they are until the commit has ended. */
  add(position: number, bytes: Uint8Array): void {
    const piece = (this.#pieces[this.#count++] ??= { position, bytes });
    piece.position = position;
    piece.bytes = bytes;
  }

  /** Stores all of it into every file, in the order in which it was added. Returns what has to be persisted. */
  store(): readonly ByteRange[] {
    // Most commits have as many as the one before, and shortening an array is a call of the engine's runtime.
    if (this.#pieces.length !== this.#count) this.#pieces.length = this.#count;
    for (const { file } of this.#logFiles) {
      for (const { position, bytes } of this.#pieces) file.write(bytes, position);
    }
    this.#setRanges();
    return this.#ranges;
  }

  /** Stores all of it into every file, and makes it durable. */
  storeAndPersist(): void {
    const ranges = this.store();
    for (const { file } of this.#logFiles) file.persistRanges(ranges);
  }

  #setRanges(): void {
    const ranges = this.#ranges;
    if (ranges.length !== this.#count) ranges.length = this.#count;
    let [last, isRising] = [-1, true];
    for (let i = 0; i < this.#count; i++) {
      const { position, bytes } = this.#pieces[i] as Piece;
      const range = (ranges[i] ??= { offset: 0, length: 0 });
      range.offset = position;
      range.length = bytes.length;
      isRising &&= position > last;
      last = position;
    }
    if (!isRising) ranges.sort((a, b) => a.offset - b.offset);
  }
}
