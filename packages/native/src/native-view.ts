/** A view over a private mapping that the addon made. */
import type { DriverView, ViewFault } from '@safe-pmem/core';
import type { BoundView } from './binding.js';

type WholeBoundView = BoundView & { readonly buffer: ArrayBuffer; readonly counter: ArrayBuffer };

export class NativeView implements DriverView {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #bound: WholeBoundView;
  readonly #counter: Int32Array;

  constructor(bound: WholeBoundView, position: number, length: number) {
    this.bytes = new Uint8Array(bound.buffer, position - bound.position, length);
    this.#bound = bound;
    this.#counter = new Int32Array(bound.counter);
  }

  get faulted(): boolean {
    return this.#counter[0] !== 0;
  }

  faults(): readonly ViewFault[] | undefined {
    return this.#bound.faults();
  }

  release(): void {
    this.#bound.release(this.#bound.buffer);
  }
}
