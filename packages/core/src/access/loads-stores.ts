/** Loads and stores of one open file: through its window if that may be touched, else by a call of the driver. */
import type { OpenWindow } from './open-window.js';
import { requireUncut, takeFault } from './after-access.js';
import type { LeanReads } from './engine.js';
import { LEAN_READS } from './engine.js';
import { loadWords } from './load-words.js';
import { WINDOW_ACCESS_BYTES_MAX } from '../driver/driver.js';
import type { OpenState } from '../opening/open-state.js';

export class LoadsStores {
  readonly #state: OpenState;
  /** The state's own: one load less for each access. */
  readonly #window: OpenWindow;
  /** 0 in a file that is open read-only: a store into its window would be a SIGSEGV. */
  readonly #shortStoreBytesMax: number;
  readonly #copyBytesMax: number;
  readonly #wordsBytesMax: number;

  constructor(state: OpenState, { copyBytesMax, wordsBytesMax }: LeanReads = LEAN_READS) {
    this.#state = state;
    this.#window = state.window;
    this.#copyBytesMax = copyBytesMax;
    this.#wordsBytesMax = wordsBytesMax;
    this.#shortStoreBytesMax = state.file.facts.readOnly ? 0 : WINDOW_ACCESS_BYTES_MAX;
  }

  /** See PmemFile.read(). */
  read(target: Uint8Array, position: number): void {
    const window = this.#window;
    const at = position - window.start;
    // Whatever is wrong with an argument, one of these is false then, and #readElsewhere() finds the words for it.
    const length = target instanceof Uint8Array ? target.length : 0;
    const isShort = length <= this.#copyBytesMax && length > 0;
    if (isShort && typeof position === 'number' && at >>> 0 === at && at <= window.limit - length) {
      // Short, since of a longer function's calls the engine inlines less: Buffer.copy is some functions itself.
      if (length <= this.#wordsBytesMax) {
        if (this.#readWords(target, position, at, length)) return;
      } else if (window.bytes.copy(target, 0, at, at + length) === length && window.faults[0] === 0) {
        if (target[length - 1] === 0) requireUncut(this.#state, position, length);
        return;
      }
    }
    this.#readElsewhere(target, position);
  }

  /** See PmemFile.write(). */
  write(source: Uint8Array, position: number): void {
    const { bytes, faults, limit, start } = this.#window;
    const at = position - start;
    const length = source instanceof Uint8Array ? source.length : 0;
    const isShort = length <= this.#shortStoreBytesMax && length > 0;
    if (isShort && typeof position === 'number' && at >>> 0 === at && at <= limit - length) {
      bytes.set(source, at);
      if (faults[0] === 0) return;
    }
    this.#writeElsewhere(source, position);
  }

  /** Reads what the window shows from `at` on. False if a load met a fault: `target` is as it was then. */
  #readWords(target: Uint8Array, position: number, at: number, length: number): boolean {
    const { bytes, data, faults } = this.#window;
    const loaded = loadWords(bytes, data, at, length);
    if (faults[0] !== 0) return false;
    // Not target.set(): a class of the application's may have its own.
    Uint8Array.prototype.set.call(target, loaded);
    if (loaded[length - 1] === 0) requireUncut(this.#state, position, length);
    return true;
  }

  #readElsewhere(target: Uint8Array, position: number): void {
    const state = this.#state;
    const { file, faultPath } = state;
    state.checkBytes('target', target, position);
    if (!state.unsafe.isEmptyAt(position, target.length)) {
      faultPath.read(target, position);
      return;
    }
    const fault = (this.#copyBytesMax > 0 ? takeFault(state) : undefined) ?? file.read(target, position);
    if (fault !== undefined) {
      faultPath.read(target, position, fault);
      return;
    }
    if (target[target.length - 1] === 0) requireUncut(state, position, target.length);
    if (target.length <= this.#copyBytesMax) state.openWindow(position, target.length);
  }

  #writeElsewhere(source: Uint8Array, position: number): void {
    const state = this.#state;
    state.checkBytes('source', source, position);
    state.assertWritable();
    if (!state.unsafe.isEmptyAt(position, source.length)) {
      state.faultPath.write(source, position);
      return;
    }
    const fault = takeFault(state) ?? state.file.write(source, position);
    if (fault !== undefined) state.faultPath.write(source, position, fault);
    else if (source.length <= this.#shortStoreBytesMax) state.openWindow(position, source.length);
  }
}
