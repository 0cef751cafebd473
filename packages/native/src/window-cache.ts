/** The mapping as memory that JavaScript touches by itself: a call into the addon costs more than a small copy. */
import { Buffer } from 'node:buffer';
import type { MemoryWindow } from '@safe-pmem/core';
import type { BindingHandle } from './binding.js';

/**
 * Bytes of a mapping that one ArrayBuffer covers: less than the largest of Node 20 (4 GiB), and positions in it are
 * small.
 */
const WINDOW_BYTES = 2 ** 30;

/** Files up to this size get their windows at the first access. */
const EAGER_BYTES_MAX = 4 * WINDOW_BYTES;

/**
 * In a longer file so many accesses of one GiB are calls into the addon before it gets a window: the engine counts
 * each window as memory that it holds, and collects all garbage (20 to 40 ms) for about every one. That is paid if it
 * comes back, and not by accesses that are spread over hundreds of GiB.
 */
const ACCESSES_BEFORE_WINDOW = 2 ** 15;

const NO_FAULTS = new Int32Array(1);

interface CachedWindow extends MemoryWindow {
  readonly buffer: ArrayBuffer;
}

/**
 * The windows of the mapping that have been asked for. The addon's signal handler answers a fault in one with a page
 * of zeros, and counts it: every access ends by looking at the counter.
 */
export class WindowCache {
  readonly #handle: BindingHandle;
  #mappedBytes: number;
  #faults = NO_FAULTS;
  readonly #windows = new Map<number, CachedWindow>();
  /** Of a long file: accesses of each GiB that has no window. */
  readonly #accesses = new Map<number, number>();

  constructor(handle: BindingHandle, mappedBytes: number) {
    this.#handle = handle;
    this.#mappedBytes = mappedBytes;
  }

  /** Something was touched that is not there: what was loaded is worth nothing, what was stored is gone. */
  get faulted(): boolean {
    return this.#faults[0] !== 0;
  }

  /** The window with the range; undefined if it spans two, is asked for too rarely, or the runtime allows none. */
  at(position: number, length: number): MemoryWindow | undefined {
    const start = Math.floor(position / WINDOW_BYTES) * WINDOW_BYTES;
    const end = Math.min(start + WINDOW_BYTES, this.#mappedBytes);
    if (!Number.isSafeInteger(position) || !(position >= 0 && length > 0 && position + length <= end)) return undefined;
    return this.#windows.get(start) ?? (this.#isWorthIt(start) ? this.#make(start, end - start) : undefined);
  }

  #isWorthIt(start: number): boolean {
    if (this.#mappedBytes <= EAGER_BYTES_MAX) return true;
    const accesses = (this.#accesses.get(start) ?? 0) + 1;
    this.#accesses.set(start, accesses);
    return accesses >= ACCESSES_BEFORE_WINDOW;
  }

  /** Another mapping has taken the place of the one that was. */
  replaced(mappedBytes: number): void {
    this.close();
    this.#mappedBytes = mappedBytes;
  }

  /** Lets go of the mapping: no array over it is left. */
  close(): void {
    this.#mappedBytes = 0;
    for (const { buffer } of this.#windows.values()) this.#handle.detach(buffer);
    this.#windows.clear();
    this.#accesses.clear();
    if (this.#faults !== NO_FAULTS) this.#handle.detach(this.#faults.buffer);
    this.#faults = NO_FAULTS;
  }

  #make(start: number, length: number): CachedWindow | undefined {
    const counter = this.#faults === NO_FAULTS ? this.#handle.faultCounter() : this.#faults.buffer;
    const buffer = this.#handle.window(start, length);
    if (counter === undefined || buffer === undefined) {
      this.#mappedBytes = 0;
      return undefined;
    }
    this.#faults = new Int32Array(counter);
    const window = { start, buffer, bytes: Buffer.from(buffer), data: new DataView(buffer), faults: this.#faults };
    this.#windows.set(start, window);
    return window;
  }
}
