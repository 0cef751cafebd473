/** The mapping as memory that JavaScript touches by itself: a call into the addon costs more than a small copy. */
import { Buffer } from 'node:buffer';
import type { MemoryWindow } from '@safe-pmem/core';
import type { BindingHandle } from './binding.js';

/** One ArrayBuffer covers so much of a mapping: below the largest that Node 20 makes (4 GiB), and positions in it are small. */
const WINDOW_BYTES = 2 ** 30;

const NO_FAULTS = new Int32Array(1);

interface Stretch extends MemoryWindow {
  readonly buffer: ArrayBuffer;
}

/**
 * The stretches of the mapping that have been asked for. A fault in one is answered by the addon's signal handler with a
 * page of zeros and counted: every access ends by looking at the counter.
 */
export class MappedWindow {
  readonly #handle: BindingHandle;
  #mappedBytes: number;
  #faults = NO_FAULTS;
  readonly #stretches = new Map<number, Stretch>();

  constructor(handle: BindingHandle, mappedBytes: number) {
    this.#handle = handle;
    this.#mappedBytes = mappedBytes;
  }

  /** Something was touched that is not there: what was loaded is worth nothing, what was stored is gone. */
  get faulted(): boolean {
    return this.#faults[0] !== 0;
  }

  /** The stretch that holds the range. Undefined where there is none: it spans two, or the runtime allows none. */
  at(position: number, length: number): MemoryWindow | undefined {
    const start = Math.floor(position / WINDOW_BYTES) * WINDOW_BYTES;
    const end = Math.min(start + WINDOW_BYTES, this.#mappedBytes);
    if (!Number.isSafeInteger(position) || !(position >= 0 && length > 0 && position + length <= end)) return undefined;
    return this.#stretches.get(start) ?? this.#make(start, end - start);
  }

  /** Another mapping has taken the place of the one that was. */
  replaced(mappedBytes: number): void {
    this.close();
    this.#mappedBytes = mappedBytes;
  }

  /** Lets go of the mapping: no array over it is left. */
  close(): void {
    this.#mappedBytes = 0;
    for (const { buffer } of this.#stretches.values()) this.#handle.detach(buffer);
    this.#stretches.clear();
    if (this.#faults !== NO_FAULTS) this.#handle.detach(this.#faults.buffer);
    this.#faults = NO_FAULTS;
  }

  #make(start: number, length: number): Stretch | undefined {
    const counter = this.#faults === NO_FAULTS ? this.#handle.faultCounter() : this.#faults.buffer;
    const buffer = this.#handle.window(start, length);
    if (counter === undefined || buffer === undefined) {
      this.#mappedBytes = 0;
      return undefined;
    }
    this.#faults = new Int32Array(counter);
    const stretch = { start, buffer, bytes: Buffer.from(buffer), data: new DataView(buffer), faults: this.#faults };
    this.#stretches.set(start, stretch);
    return stretch;
  }
}
