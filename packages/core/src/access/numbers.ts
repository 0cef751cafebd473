/** Numbers of one open file, read straight from mapped memory if that may be touched. */
import { requireUncut, takeFault } from './after-access.js';
import type { LoadsStores } from './loads-stores.js';
import type { NumberReads } from './number-reads.js';
import { OpenWindow } from './open-window.js';
import type { OpenState } from '../opening/open-state.js';

/**
 * The number reads of one open file. Each looks for the window with the number, loads it there, and asks whether the
 * load was good; a load that was not is made again by LoadsStores, or throws.
 */
export class Numbers implements NumberReads {
  readonly #state: OpenState;
  /** The state's own: one load less for each access. */
  readonly #window: OpenWindow;
  readonly #loads: LoadsStores;
  readonly #copied = new Uint8Array(8);
  /** A number that no window shows, copied: its `data` begins where the number does. */
  readonly #copy = new OpenWindow();

  constructor(state: OpenState, loads: LoadsStores) {
    this.#state = state;
    this.#window = state.window;
    this.#loads = loads;
    this.#copy.data = new DataView(this.#copied.buffer);
  }

  readUInt8(position: number): number {
    const { data, start } = this.#windowWith(position, 1);
    const value = data.getUint8(position - start);
    return this.#loadedAgain(position, 1)?.getUint8(0) ?? value;
  }

  readInt8(position: number): number {
    const { data, start } = this.#windowWith(position, 1);
    const value = data.getInt8(position - start);
    return this.#loadedAgain(position, 1)?.getInt8(0) ?? value;
  }

  readUInt16LE(position: number): number {
    const { data, start } = this.#windowWith(position, 2);
    const value = data.getUint16(position - start, true);
    return this.#loadedAgain(position, 2)?.getUint16(0, true) ?? value;
  }

  readUInt16BE(position: number): number {
    const { data, start } = this.#windowWith(position, 2);
    const value = data.getUint16(position - start, false);
    return this.#loadedAgain(position, 2)?.getUint16(0, false) ?? value;
  }

  readInt16LE(position: number): number {
    const { data, start } = this.#windowWith(position, 2);
    const value = data.getInt16(position - start, true);
    return this.#loadedAgain(position, 2)?.getInt16(0, true) ?? value;
  }

  readInt16BE(position: number): number {
    const { data, start } = this.#windowWith(position, 2);
    const value = data.getInt16(position - start, false);
    return this.#loadedAgain(position, 2)?.getInt16(0, false) ?? value;
  }

  readUInt32LE(position: number): number {
    const { data, start } = this.#windowWith(position, 4);
    const value = data.getUint32(position - start, true);
    return this.#loadedAgain(position, 4)?.getUint32(0, true) ?? value;
  }

  readUInt32BE(position: number): number {
    const { data, start } = this.#windowWith(position, 4);
    const value = data.getUint32(position - start, false);
    return this.#loadedAgain(position, 4)?.getUint32(0, false) ?? value;
  }

  readInt32LE(position: number): number {
    const { data, start } = this.#windowWith(position, 4);
    const value = data.getInt32(position - start, true);
    return this.#loadedAgain(position, 4)?.getInt32(0, true) ?? value;
  }

  readInt32BE(position: number): number {
    const { data, start } = this.#windowWith(position, 4);
    const value = data.getInt32(position - start, false);
    return this.#loadedAgain(position, 4)?.getInt32(0, false) ?? value;
  }

  readBigUInt64LE(position: number): bigint {
    const { data, start } = this.#windowWith(position, 8);
    const value = data.getBigUint64(position - start, true);
    return this.#loadedAgain(position, 8)?.getBigUint64(0, true) ?? value;
  }

  readBigUInt64BE(position: number): bigint {
    const { data, start } = this.#windowWith(position, 8);
    const value = data.getBigUint64(position - start, false);
    return this.#loadedAgain(position, 8)?.getBigUint64(0, false) ?? value;
  }

  readBigInt64LE(position: number): bigint {
    const { data, start } = this.#windowWith(position, 8);
    const value = data.getBigInt64(position - start, true);
    return this.#loadedAgain(position, 8)?.getBigInt64(0, true) ?? value;
  }

  readBigInt64BE(position: number): bigint {
    const { data, start } = this.#windowWith(position, 8);
    const value = data.getBigInt64(position - start, false);
    return this.#loadedAgain(position, 8)?.getBigInt64(0, false) ?? value;
  }

  readFloatLE(position: number): number {
    const { data, start } = this.#windowWith(position, 4);
    const value = data.getFloat32(position - start, true);
    return this.#loadedAgain(position, 4)?.getFloat32(0, true) ?? value;
  }

  readFloatBE(position: number): number {
    const { data, start } = this.#windowWith(position, 4);
    const value = data.getFloat32(position - start, false);
    return this.#loadedAgain(position, 4)?.getFloat32(0, false) ?? value;
  }

  readDoubleLE(position: number): number {
    const { data, start } = this.#windowWith(position, 8);
    const value = data.getFloat64(position - start, true);
    return this.#loadedAgain(position, 8)?.getFloat64(0, true) ?? value;
  }

  readDoubleBE(position: number): number {
    const { data, start } = this.#windowWith(position, 8);
    const value = data.getFloat64(position - start, false);
    return this.#loadedAgain(position, 8)?.getFloat64(0, false) ?? value;
  }

  /** The window whose `data` has `length` bytes of the file from `position - start` on. Throws what read() throws. */
  #windowWith(position: number, length: number): OpenWindow {
    const window = this.#window;
    const at = position - window.start;
    if (typeof position === 'number' && at >>> 0 === at && at <= window.limit - length) return window;
    return this.#openedWith(position, length);
  }

  #openedWith(position: number, length: number): OpenWindow {
    this.#state.checkInside(position, length);
    if (this.#state.openWindow(position, length)) return this.#window;
    this.#loads.read(this.#copied.subarray(0, length), position);
    this.#copy.start = position;
    return this.#copy;
  }

  /** Undefined if the load was good, else the bytes, from 0 on. Throws what read() throws. */
  #loadedAgain(position: number, length: number): DataView | undefined {
    const { data, faults, limit, start } = this.#window;
    if (faults[0] === 0) {
      // The bytes that the number was made of, unless read() got them, which has looked by itself.
      const last = position - start + length - 1;
      if (last >>> 0 === last && last < limit && data.getUint8(last) === 0) requireUncut(this.#state, position, length);
      return undefined;
    }
    this.#state.faultPath.read(this.#copied.subarray(0, length), position, takeFault(this.#state));
    return this.#copy.data;
  }
}
