/** Numbers of one open file, read straight from mapped memory if that may be touched. */
import { requireUncut, takeFault } from './after-access.js';
import type { LoadsStores } from './loads-stores.js';
import type { NumberReads } from './number-reads.js';
import type { OpenWindow } from './open-window.js';
import type { OpenState } from '../opening/open-state.js';

/**
 * The number reads of one open file. Each asks where in the window the number is, loads it there, and asks whether the
 * load was good. What no window shows is copied by LoadsStores; a load that met a fault is made again, or throws.
 * Each integer shows by itself that its last byte is not 0, so that no cut can have made it.
 *
 * A place, and not a view with a place in it: such a number cost 5 to 9 % more (Node 20).
 */
export class Numbers implements NumberReads {
  readonly #state: OpenState;
  /** The state's own: one load less for each access. */
  readonly #window: OpenWindow;
  readonly #loads: LoadsStores;
  readonly #copied = new Uint8Array(8);
  readonly #copy = new DataView(this.#copied.buffer);

  constructor(state: OpenState, loads: LoadsStores) {
    this.#state = state;
    this.#window = state.window;
    this.#loads = loads;
  }

  readUInt8(position: number): number {
    const at = this.#inWindow(position, 1);
    if (at < 0) return this.#copyOf(position, 1).getUint8(0);
    const value = this.#window.data.getUint8(at);
    if (value !== 0 && this.#window.faults[0] === 0) return value;
    return this.#loadedAgain(position, at, 1)?.getUint8(0) ?? value;
  }

  readInt8(position: number): number {
    const at = this.#inWindow(position, 1);
    if (at < 0) return this.#copyOf(position, 1).getInt8(0);
    const value = this.#window.data.getInt8(at);
    if (value !== 0 && this.#window.faults[0] === 0) return value;
    return this.#loadedAgain(position, at, 1)?.getInt8(0) ?? value;
  }

  readUInt16LE(position: number): number {
    const at = this.#inWindow(position, 2);
    if (at < 0) return this.#copyOf(position, 2).getUint16(0, true);
    const value = this.#window.data.getUint16(at, true);
    if (value > 0xff && this.#window.faults[0] === 0) return value;
    return this.#loadedAgain(position, at, 2)?.getUint16(0, true) ?? value;
  }

  readUInt16BE(position: number): number {
    const at = this.#inWindow(position, 2);
    if (at < 0) return this.#copyOf(position, 2).getUint16(0, false);
    const value = this.#window.data.getUint16(at, false);
    if ((value & 0xff) !== 0 && this.#window.faults[0] === 0) return value;
    return this.#loadedAgain(position, at, 2)?.getUint16(0, false) ?? value;
  }

  readInt16LE(position: number): number {
    const at = this.#inWindow(position, 2);
    if (at < 0) return this.#copyOf(position, 2).getInt16(0, true);
    const value = this.#window.data.getInt16(at, true);
    if ((value & 0xff00) !== 0 && this.#window.faults[0] === 0) return value;
    return this.#loadedAgain(position, at, 2)?.getInt16(0, true) ?? value;
  }

  readInt16BE(position: number): number {
    const at = this.#inWindow(position, 2);
    if (at < 0) return this.#copyOf(position, 2).getInt16(0, false);
    const value = this.#window.data.getInt16(at, false);
    if ((value & 0xff) !== 0 && this.#window.faults[0] === 0) return value;
    return this.#loadedAgain(position, at, 2)?.getInt16(0, false) ?? value;
  }

  readUInt32LE(position: number): number {
    const at = this.#inWindow(position, 4);
    if (at < 0) return this.#copyOf(position, 4).getUint32(0, true);
    const value = this.#window.data.getUint32(at, true);
    if (value > 0xff_ffff && this.#window.faults[0] === 0) return value;
    return this.#loadedAgain(position, at, 4)?.getUint32(0, true) ?? value;
  }

  readUInt32BE(position: number): number {
    const at = this.#inWindow(position, 4);
    if (at < 0) return this.#copyOf(position, 4).getUint32(0, false);
    const value = this.#window.data.getUint32(at, false);
    if ((value & 0xff) !== 0 && this.#window.faults[0] === 0) return value;
    return this.#loadedAgain(position, at, 4)?.getUint32(0, false) ?? value;
  }

  readInt32LE(position: number): number {
    const at = this.#inWindow(position, 4);
    if (at < 0) return this.#copyOf(position, 4).getInt32(0, true);
    const value = this.#window.data.getInt32(at, true);
    if (value >>> 24 !== 0 && this.#window.faults[0] === 0) return value;
    return this.#loadedAgain(position, at, 4)?.getInt32(0, true) ?? value;
  }

  readInt32BE(position: number): number {
    const at = this.#inWindow(position, 4);
    if (at < 0) return this.#copyOf(position, 4).getInt32(0, false);
    const value = this.#window.data.getInt32(at, false);
    if ((value & 0xff) !== 0 && this.#window.faults[0] === 0) return value;
    return this.#loadedAgain(position, at, 4)?.getInt32(0, false) ?? value;
  }

  readBigUInt64LE(position: number): bigint {
    const at = this.#inWindow(position, 8);
    if (at < 0) return this.#copyOf(position, 8).getBigUint64(0, true);
    const value = this.#window.data.getBigUint64(at, true);
    return this.#loadedAgain(position, at, 8)?.getBigUint64(0, true) ?? value;
  }

  readBigUInt64BE(position: number): bigint {
    const at = this.#inWindow(position, 8);
    if (at < 0) return this.#copyOf(position, 8).getBigUint64(0, false);
    const value = this.#window.data.getBigUint64(at, false);
    return this.#loadedAgain(position, at, 8)?.getBigUint64(0, false) ?? value;
  }

  readBigInt64LE(position: number): bigint {
    const at = this.#inWindow(position, 8);
    if (at < 0) return this.#copyOf(position, 8).getBigInt64(0, true);
    const value = this.#window.data.getBigInt64(at, true);
    return this.#loadedAgain(position, at, 8)?.getBigInt64(0, true) ?? value;
  }

  readBigInt64BE(position: number): bigint {
    const at = this.#inWindow(position, 8);
    if (at < 0) return this.#copyOf(position, 8).getBigInt64(0, false);
    const value = this.#window.data.getBigInt64(at, false);
    return this.#loadedAgain(position, at, 8)?.getBigInt64(0, false) ?? value;
  }

  readFloatLE(position: number): number {
    const at = this.#inWindow(position, 4);
    if (at < 0) return this.#copyOf(position, 4).getFloat32(0, true);
    const value = this.#window.data.getFloat32(at, true);
    return this.#loadedAgain(position, at, 4)?.getFloat32(0, true) ?? value;
  }

  readFloatBE(position: number): number {
    const at = this.#inWindow(position, 4);
    if (at < 0) return this.#copyOf(position, 4).getFloat32(0, false);
    const value = this.#window.data.getFloat32(at, false);
    return this.#loadedAgain(position, at, 4)?.getFloat32(0, false) ?? value;
  }

  readDoubleLE(position: number): number {
    const at = this.#inWindow(position, 8);
    if (at < 0) return this.#copyOf(position, 8).getFloat64(0, true);
    const value = this.#window.data.getFloat64(at, true);
    return this.#loadedAgain(position, at, 8)?.getFloat64(0, true) ?? value;
  }

  readDoubleBE(position: number): number {
    const at = this.#inWindow(position, 8);
    if (at < 0) return this.#copyOf(position, 8).getFloat64(0, false);
    const value = this.#window.data.getFloat64(at, false);
    return this.#loadedAgain(position, at, 8)?.getFloat64(0, false) ?? value;
  }

  /** Place in the window where the number begins; -1 if no window shows it. Throws if it is not in the file. */
  #inWindow(position: number, length: number): number {
    const at = position - this.#window.start;
    if (typeof position === 'number' && at >>> 0 === at && at <= this.#window.limit - length) return at;
    this.#state.checkInside(position, length);
    return this.#state.openWindow(position, length) ? position - this.#window.start : -1;
  }

  /** The bytes of the number, from 0 on. Throws what read() throws. */
  #copyOf(position: number, length: number): DataView {
    this.#loads.read(this.#copied.subarray(0, length), position);
    return this.#copy;
  }

  /** Undefined if the load at `at` was good, else the bytes, from 0 on. Throws what read() throws. */
  #loadedAgain(position: number, at: number, length: number): DataView | undefined {
    const { data, faults } = this.#window;
    if (faults[0] === 0) {
      if (data.getUint8(at + length - 1) === 0) requireUncut(this.#state, position, length);
      return undefined;
    }
    this.#state.faultPath.read(this.#copied.subarray(0, length), position, takeFault(this.#state));
    return this.#copy;
  }
}
