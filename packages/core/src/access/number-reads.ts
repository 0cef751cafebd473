/** Numbers read straight from mapped memory, under the names that node:buffer has for them. */

/**
 * Each method reads one number at `position`, in bytes from the start of the file, unaligned if need be, without a
 * buffer and without an allocation (but for what a BigInt is). They throw what read() throws, and never return a number
 * that the medium did not give.
 */
export abstract class NumberReads {
  /** Where in the view that locate() returned the number begins. @internal */
  protected at = 0;

  /** A view that holds `length` bytes of the file at `position`. Throws where they cannot be read. @internal */
  protected abstract locate(position: number, length: number): DataView;
  /** Undefined where the load from the located view was good, else a view with the bytes at 0. Or throws. @internal */
  protected abstract reread(position: number, length: number): DataView | undefined;

  readUInt8(position: number): number {
    const value = this.locate(position, 1).getUint8(this.at);
    return this.reread(position, 1)?.getUint8(0) ?? value;
  }

  readInt8(position: number): number {
    const value = this.locate(position, 1).getInt8(this.at);
    return this.reread(position, 1)?.getInt8(0) ?? value;
  }

  readUInt16LE(position: number): number {
    const value = this.locate(position, 2).getUint16(this.at, true);
    return this.reread(position, 2)?.getUint16(0, true) ?? value;
  }

  readUInt16BE(position: number): number {
    const value = this.locate(position, 2).getUint16(this.at, false);
    return this.reread(position, 2)?.getUint16(0, false) ?? value;
  }

  readInt16LE(position: number): number {
    const value = this.locate(position, 2).getInt16(this.at, true);
    return this.reread(position, 2)?.getInt16(0, true) ?? value;
  }

  readInt16BE(position: number): number {
    const value = this.locate(position, 2).getInt16(this.at, false);
    return this.reread(position, 2)?.getInt16(0, false) ?? value;
  }

  readUInt32LE(position: number): number {
    const value = this.locate(position, 4).getUint32(this.at, true);
    return this.reread(position, 4)?.getUint32(0, true) ?? value;
  }

  readUInt32BE(position: number): number {
    const value = this.locate(position, 4).getUint32(this.at, false);
    return this.reread(position, 4)?.getUint32(0, false) ?? value;
  }

  readInt32LE(position: number): number {
    const value = this.locate(position, 4).getInt32(this.at, true);
    return this.reread(position, 4)?.getInt32(0, true) ?? value;
  }

  readInt32BE(position: number): number {
    const value = this.locate(position, 4).getInt32(this.at, false);
    return this.reread(position, 4)?.getInt32(0, false) ?? value;
  }

  readBigUInt64LE(position: number): bigint {
    const value = this.locate(position, 8).getBigUint64(this.at, true);
    return this.reread(position, 8)?.getBigUint64(0, true) ?? value;
  }

  readBigUInt64BE(position: number): bigint {
    const value = this.locate(position, 8).getBigUint64(this.at, false);
    return this.reread(position, 8)?.getBigUint64(0, false) ?? value;
  }

  readBigInt64LE(position: number): bigint {
    const value = this.locate(position, 8).getBigInt64(this.at, true);
    return this.reread(position, 8)?.getBigInt64(0, true) ?? value;
  }

  readBigInt64BE(position: number): bigint {
    const value = this.locate(position, 8).getBigInt64(this.at, false);
    return this.reread(position, 8)?.getBigInt64(0, false) ?? value;
  }

  readFloatLE(position: number): number {
    const value = this.locate(position, 4).getFloat32(this.at, true);
    return this.reread(position, 4)?.getFloat32(0, true) ?? value;
  }

  readFloatBE(position: number): number {
    const value = this.locate(position, 4).getFloat32(this.at, false);
    return this.reread(position, 4)?.getFloat32(0, false) ?? value;
  }

  readDoubleLE(position: number): number {
    const value = this.locate(position, 8).getFloat64(this.at, true);
    return this.reread(position, 8)?.getFloat64(0, true) ?? value;
  }

  readDoubleBE(position: number): number {
    const value = this.locate(position, 8).getFloat64(this.at, false);
    return this.reread(position, 8)?.getFloat64(0, false) ?? value;
  }
}
