/**
 * A private mapping, as far as plain memory can be one: a copy, brought up to date each time that it is asked for
 * faults.
 */
import type { DriverView, CaughtFault, ViewFault } from '@safe-pmem/core';

/** Loads bytes of the file; the fault that stopped it. */
export type Load = (target: Uint8Array, position: number) => CaughtFault | undefined;

/**
 * No simulation sees what JavaScript reads from an array, so all of the range counts as read: when the view is made,
 * and again when it is verified. A fault anywhere in it marks the view, while a real view is marked by the pages that
 * were touched.
 */
export class MockView implements DriverView {
  #bytes: Uint8Array<ArrayBuffer>;
  readonly #load: Load;
  readonly #pageBytes: number;
  readonly #position: number;
  readonly #faults = new Map<number, ViewFault>();

  constructor(load: Load, pageBytes: number, position: number, length: number) {
    this.#pageBytes = pageBytes;
    this.#load = load;
    this.#position = position;
    this.#bytes = new Uint8Array(length);
    this.#loadAll();
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  get faulted(): boolean {
    this.#loadAll();
    return this.#faults.size > 0;
  }

  faults(): readonly ViewFault[] {
    return [...this.#faults.values()];
  }

  /** Takes the memory away from every array over it. */
  release(): void {
    if (this.#bytes.length === 0) return;
    structuredClone(this.#bytes.buffer, { transfer: [this.#bytes.buffer] });
    this.#bytes = new Uint8Array(0);
  }

  #loadAll(): void {
    const pageBytes = this.#pageBytes;
    const end = this.#position + this.#bytes.length;
    for (let page = this.#position - (this.#position % pageBytes); page < end; page += pageBytes) {
      if (this.#faults.has(page)) continue;
      const from = Math.max(page, this.#position);
      const part = this.#bytes.subarray(from - this.#position, Math.min(page + pageBytes, end) - this.#position);
      const fault = this.#load(part, from);
      if (fault === undefined) continue;
      part.fill(0);
      this.#faults.set(page, { position: page, length: pageBytes, signalCode: fault.signalCode });
    }
  }
}
