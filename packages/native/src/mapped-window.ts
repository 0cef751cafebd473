/** The mapping as memory that JavaScript touches by itself: a call into the addon costs more than a small copy. */
import { Buffer } from 'node:buffer';
import type { BindingHandle } from './binding.js';

/** Accesses up to this length are worth it; they span at most two pages, and the addon's log has room for both. */
export const WINDOW_ACCESS_BYTES = 4096;

/** One ArrayBuffer covers so much of a mapping: below the largest that Node 20 makes (4 GiB), and positions in it are small. */
const WINDOW_BYTES = 2 ** 30;

/**
 * Buffer.copy out of part of an array allocates nothing from Node 22 on; before, it makes an array of that part in
 * each call, and a call into the addon is as fast.
 */
export const COPY_IS_LEAN = Number(process.versions.node.split('.', 1)[0]) >= 22;
const NOTHING = Buffer.alloc(0);
const NO_FAULTS = new Int32Array(1);

type Copy = (this: Buffer, target: Uint8Array, targetStart: number, sourceStart: number, sourceEnd: number) => number;
const { copy } = Buffer.prototype as unknown as { readonly copy: Copy };

/**
 * One stretch of the mapping, and another as soon as an access lies elsewhere. A fault in it is answered by the addon's
 * signal handler with a page of zeros and counted: every access ends by looking at the counter.
 */
export class MappedWindow {
  readonly #handle: BindingHandle;
  #mappedBytes: number;
  /** Where `bytes` begins in the file. */
  start = 0;
  bytes: Buffer = NOTHING;
  data = new DataView(NOTHING.buffer, 0, 0);
  #faults = NO_FAULTS;
  readonly #buffers = new Map<number, ArrayBuffer>();

  constructor(handle: BindingHandle, mappedBytes: number) {
    this.#handle = handle;
    this.#mappedBytes = mappedBytes;
  }

  /** Copies out of the mapping; false where only the addon can. Look at `faulted` afterwards. */
  copyOut(target: Uint8Array, position: number): boolean {
    const at = this.#reach(position, target.length);
    if (at < 0) return false;
    copy.call(this.bytes, target, 0, at, at + target.length);
    return true;
  }

  /** Copies into the mapping; otherwise as copyOut(). */
  copyIn(source: Uint8Array, position: number): boolean {
    const at = this.#reach(position, source.length);
    if (at < 0) return false;
    this.bytes.set(source, at);
    return true;
  }

  /** Something was touched that is not there: what was loaded is worth nothing, what was stored is gone. */
  get faulted(): boolean {
    return this.#faults[0] !== 0;
  }

  /** Turns to the stretch that holds the range. False where there is none: it spans two, or the runtime allows none. */
  moveTo(position: number, length: number): boolean {
    const start = Math.floor(position / WINDOW_BYTES) * WINDOW_BYTES;
    const end = Math.min(start + WINDOW_BYTES, this.#mappedBytes);
    if (!Number.isSafeInteger(position) || !(position >= 0 && length > 0 && position + length <= end)) return false;
    const buffer = this.#buffers.get(start) ?? this.#make(start, end - start);
    if (buffer === undefined) return false;
    this.start = start;
    this.bytes = Buffer.from(buffer);
    this.data = new DataView(buffer);
    return true;
  }

  /** Another mapping has taken the place of the one that was. */
  replaced(mappedBytes: number): void {
    this.close();
    this.#mappedBytes = mappedBytes;
  }

  /** Lets go of the mapping: no array over it is left. */
  close(): void {
    this.#mappedBytes = 0;
    this.start = 0;
    this.bytes = NOTHING;
    this.data = new DataView(NOTHING.buffer, 0, 0);
    for (const buffer of this.#buffers.values()) this.#handle.detach(buffer);
    this.#buffers.clear();
    if (this.#faults !== NO_FAULTS) this.#handle.detach(this.#faults.buffer);
    this.#faults = NO_FAULTS;
  }

  /** Where the range begins in `bytes`, -1 where no stretch holds it. */
  #reach(position: number, length: number): number {
    const at = position - this.start;
    if (at >>> 0 === at && length > 0 && at + length <= this.bytes.length) return at;
    return this.moveTo(position, length) ? position - this.start : -1;
  }

  #make(start: number, length: number): ArrayBuffer | undefined {
    const counter = this.#faults === NO_FAULTS ? this.#handle.faultCounter() : this.#faults.buffer;
    const buffer = this.#handle.window(start, length);
    if (counter === undefined || buffer === undefined) {
      this.#mappedBytes = 0;
      return undefined;
    }
    this.#faults = new Int32Array(counter);
    this.#buffers.set(start, buffer);
    return buffer;
  }
}
