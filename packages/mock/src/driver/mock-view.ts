/** A private mapping, as far as plain memory can be one. */
import type { CaughtFault, DriverView, ViewFault } from '@safe-pmem/core';
import type { ViewBytes } from '../kernel/live-views.js';

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
  readonly #view: ViewBytes;
  readonly #faults = new Map<number, ViewFault>();

  /** `view` has the memory of `bytes`. */
  constructor(load: Load, pageBytes: number, bytes: Uint8Array<ArrayBuffer>, view: ViewBytes) {
    this.#pageBytes = pageBytes;
    this.#load = load;
    this.#bytes = bytes;
    this.#view = view;
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
    const length = this.#pageBytes;
    for (const page of this.#view.pages()) {
      this.#view.load(page, (bytes, position) => {
        const fault = this.#load(bytes, position);
        if (fault === undefined) return true;
        this.#faults.set(page, { position: page * length, length, signalCode: fault.signalCode });
        return false;
      });
    }
  }
}
