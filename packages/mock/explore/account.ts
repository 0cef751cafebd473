/** The account of what a file may hold, kept by all who change it: by half page the bytes there, or a loss. */
import { type ByteRange, rangeEnd } from '@safe-pmem/core';
import { PAGE } from './scene.js';

export const HALF = PAGE / 2;

/** The account of one inode. Each half page is filled with one byte, another one for each store. */
export class Account {
  readonly #sizes: Set<number>;
  /** By half page: the bytes that may be there. */
  #allowed: Set<number>[];
  /** The bytes before another process changed them. */
  readonly #before: Set<number>[] = [];
  /** By half page: what a rebuild was given last. */
  readonly #supplied: number[] = [];
  #anySize = false;
  /** Pages that were poisoned, and not replaced since. */
  readonly #bad = new Set<number>();
  /** Stores of the application that have not ended. */
  readonly #storing = new Map<number, number>();
  /** A size that the application is asking for. */
  #asked: number | undefined;
  /** Goes up when a process other than the application changes bytes or the size. */
  epoch = 0;

  constructor(
    readonly names: Set<string>,
    values: readonly number[],
  ) {
    this.#sizes = new Set([values.length * HALF]);
    this.#allowed = values.map((value) => new Set([value]));
  }

  /**
   * That of a copy made at this instant: of its file alone, so zeros that a journal tells from data are data there, and
   * it keeps what the write of a last page has added for a moment, up to `sizeBytes`.
   */
  copy(name: string, sizeBytes: number): Account {
    const copy = new Account(new Set([name]), []);
    copy.#allowed = this.#allowed.map((values) => new Set([...values, ...this.#storing.values()]));
    for (const page of this.#bad) {
      copy.#bad.add(page);
      for (const half of [page * 2, page * 2 + 1]) copy.#valuesOf(half).add(0);
    }
    copy.#sizes.clear();
    for (const size of [...this.#sizes, sizeBytes]) copy.#sizes.add(size);
    return copy;
  }

  /**
   * A repair that waits to write what it was given for an earlier loss writes it: of a page that is bad again it cannot
   * learn that others have changed it, and no byte can be read there that the write could take the place of.
   */
  poisoned(page: number): void {
    this.#bad.add(page);
    for (const half of [page * 2, page * 2 + 1]) {
      const supplied = this.#supplied[half];
      if (supplied !== undefined) this.#valuesOf(half).add(supplied);
    }
  }

  /** The bytes that were put there last: what a rebuild gives. */
  newest({ offset, length }: ByteRange): Uint8Array {
    const bytes = Uint8Array.from({ length }, (_, at) => {
      return [...this.#valuesOf(Math.floor((offset + at) / HALF))].at(-1) ?? 0;
    });
    for (let at = 0; at < length; at += HALF) this.#supplied[(offset + at) / HALF] = bytes[at] ?? 0;
    return bytes;
  }

  /** The application stores `value` into all of the page; storesEnded() follows. */
  storing(page: number, value: number): void {
    for (const half of [page * 2, page * 2 + 1]) {
      this.#storing.set(half, value);
      this.#valuesOf(half).add(value);
    }
  }

  /** `epoch`: of the beginning, if the store has succeeded. */
  storeEnded(page: number, value: number, epoch: number | undefined): void {
    for (const half of [page * 2, page * 2 + 1]) {
      this.#storing.delete(half);
      if (epoch === this.epoch) this.#allowed[half] = new Set([value]);
    }
  }

  /** The application has repaired the page, and it is not lost. */
  repaired(page: number): void {
    this.#bad.delete(page);
  }

  asking(sizeBytes: number): void {
    this.#asked = sizeBytes;
    this.#sizes.add(sizeBytes);
  }

  /**
   * `epoch`: of the beginning, if the size was changed. `mappedBytes`: so much the application had mapped; growing from
   * that cuts off nothing that others have added.
   */
  asked(sizeBytes: number, epoch: number | undefined, mappedBytes: number): void {
    this.#asked = undefined;
    if (epoch === this.epoch && sizeBytes >= mappedBytes && this.sizeBytes > sizeBytes) {
      if (this.#sizes.size === 2) this.#sizes.delete(sizeBytes);
      return;
    }
    const end = Math.ceil(sizeBytes / HALF);
    const isChanged = epoch === this.epoch;
    this.#allowed = this.#allowed.map((values, half) => {
      return half < end ? values : new Set(isChanged ? [0] : [...values, 0]);
    });
    if (!isChanged) return;
    this.#sizes.clear();
    this.#sizes.add(sizeBytes);
    this.#forgetPoison(end);
  }

  /** Another process has set this size. `keepsLosses`: what is cut off may be reported lost still. */
  resized(sizeBytes: number, keepsLosses: boolean): void {
    this.epoch++;
    const end = sizeBytes / HALF;
    for (const [half] of this.#allowed.entries()) if (half >= end) this.#set(half, 0);
    this.#setSize(sizeBytes);
    if (!keepsLosses) this.#forgetPoison(end);
  }

  /** Another process has put these bytes there, one for each half page, which end the file if they go so far. */
  written(fromHalf: number, values: readonly number[], sizeBytes: number): void {
    this.epoch++;
    for (const [index, value] of values.entries()) this.#set(fromHalf + index, value);
    this.#setSize(sizeBytes);
  }

  /** The same, of a write that failed: some of the bytes may be there, and so may those before. */
  writtenInPart(fromHalf: number, values: readonly number[], sizeBytes: number): void {
    this.epoch++;
    for (const [index, value] of values.entries()) this.#valuesOf(fromHalf + index).add(value);
    this.#sizes.add(sizeBytes);
  }

  /** A repair may write over what was put there just now: what it was given, or zeros, which it says are lost. */
  contested(): void {
    for (const half of this.#allowed.keys()) {
      for (const value of [0, this.#supplied[half] ?? 0, ...this.#before[half] ?? []]) this.#valuesOf(half).add(value);
      this.#bad.add(Math.floor(half / 2));
    }
    this.#anySize = true;
  }

  /** The largest size that the file may have. */
  get sizeBytes(): number {
    return Math.max(...this.#sizes);
  }

  /** Throws if the file may not have this size. */
  checkSize(sizeBytes: number): void {
    if (this.#anySize || this.#sizes.has(sizeBytes)) return;
    throw new Error(`the file has ${sizeBytes} bytes; allowed: ${[...this.#sizes].join(', ')}`);
  }

  /** Throws if these bytes may not be there. */
  checkBytes(offset: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at++) {
      const half = Math.floor((offset + at) / HALF);
      const value = bytes[at] ?? 0;
      if (this.#valuesOf(half).has(value)) continue;
      throw new Error(`byte ${offset + at} reads ${value}; allowed: ${[...this.#valuesOf(half)].join(', ')}`);
    }
  }

  /** Throws if no byte of the range is in a page that was poisoned. */
  checkLoss(range: ByteRange): void {
    for (let page = Math.floor(range.offset / PAGE); page * PAGE < rangeEnd(range); page++) {
      if (!this.#bad.has(page)) throw new Error(`page ${page} is reported lost and was not`);
    }
  }

  #valuesOf(half: number): Set<number> {
    return (this.#allowed[half] ??= new Set([0]));
  }

  #set(half: number, value: number): void {
    const storing = this.#storing.get(half);
    this.#before[half] = this.#valuesOf(half);
    this.#allowed[half] = new Set(storing === undefined ? [value] : [value, storing]);
  }

  #setSize(sizeBytes: number): void {
    this.#sizes.clear();
    this.#sizes.add(sizeBytes);
    if (this.#asked !== undefined) this.#sizes.add(this.#asked);
  }

  /** Blocks from here on are given back. */
  #forgetPoison(endHalf: number): void {
    for (const page of this.#bad) if (page * 2 >= endHalf) this.#bad.delete(page);
  }
}
