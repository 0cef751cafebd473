/** The methods of PmemFile that read numbers; numbers.ts has them. */

/**
 * Reads of single numbers, with the names of node:buffer: a decoder that takes a NumberReads takes a PmemFile or a
 * Buffer.
 *
 * Each method of a PmemFile reads one number at `position`, in bytes from the start of the file, which needs no
 * alignment. It takes no buffer, and allocates nothing but what a BigInt is. It throws what read() throws, and never
 * returns a number that the medium did not give. The file is never changed.
 */
export interface NumberReads {
  /**
   * Unsigned, 1 byte.
   *
   * @example
   * const flags = file.readUInt8(12);
   */
  readUInt8(position: number): number;
  /**
   * Signed, 1 byte.
   *
   * @example
   * const delta = file.readInt8(13);
   */
  readInt8(position: number): number;
  /**
   * Unsigned, 2 bytes, least significant byte first.
   *
   * @example
   * const entries = file.readUInt16LE(14);
   */
  readUInt16LE(position: number): number;
  /**
   * Unsigned, 2 bytes, most significant byte first.
   *
   * @example
   * const entries = file.readUInt16BE(14);
   */
  readUInt16BE(position: number): number;
  /**
   * Signed, 2 bytes, least significant byte first.
   *
   * @example
   * const balance = file.readInt16LE(16);
   */
  readInt16LE(position: number): number;
  /**
   * Signed, 2 bytes, most significant byte first.
   *
   * @example
   * const balance = file.readInt16BE(16);
   */
  readInt16BE(position: number): number;
  /**
   * Unsigned, 4 bytes, least significant byte first.
   *
   * @example
   * const length = file.readUInt32LE(20);
   */
  readUInt32LE(position: number): number;
  /**
   * Unsigned, 4 bytes, most significant byte first.
   *
   * @example
   * const length = file.readUInt32BE(20);
   */
  readUInt32BE(position: number): number;
  /**
   * Signed, 4 bytes, least significant byte first.
   *
   * @example
   * const offset = file.readInt32LE(24);
   */
  readInt32LE(position: number): number;
  /**
   * Signed, 4 bytes, most significant byte first.
   *
   * @example
   * const offset = file.readInt32BE(24);
   */
  readInt32BE(position: number): number;
  /**
   * Unsigned, 8 bytes, least significant byte first.
   *
   * @example
   * const sequence = file.readBigUInt64LE(32);
   */
  readBigUInt64LE(position: number): bigint;
  /**
   * Unsigned, 8 bytes, most significant byte first.
   *
   * @example
   * const sequence = file.readBigUInt64BE(32);
   */
  readBigUInt64BE(position: number): bigint;
  /**
   * Signed, 8 bytes, least significant byte first.
   *
   * @example
   * const timeNs = file.readBigInt64LE(40);
   */
  readBigInt64LE(position: number): bigint;
  /**
   * Signed, 8 bytes, most significant byte first.
   *
   * @example
   * const timeNs = file.readBigInt64BE(40);
   */
  readBigInt64BE(position: number): bigint;
  /**
   * IEEE 754, 4 bytes, least significant byte first.
   *
   * @example
   * const ratio = file.readFloatLE(48);
   */
  readFloatLE(position: number): number;
  /**
   * IEEE 754, 4 bytes, most significant byte first.
   *
   * @example
   * const ratio = file.readFloatBE(48);
   */
  readFloatBE(position: number): number;
  /**
   * IEEE 754, 8 bytes, least significant byte first.
   *
   * @example
   * const mean = file.readDoubleLE(56);
   */
  readDoubleLE(position: number): number;
  /**
   * IEEE 754, 8 bytes, most significant byte first.
   *
   * @example
   * const mean = file.readDoubleBE(56);
   */
  readDoubleBE(position: number): number;
}
