/** Bytes to write and find again. */
import type { ByteRange, PmemFile } from '@safe-pmem/core';

/** Bytes that differ from page to page and are never zero. A plain loop: where the processor is emulated, others take seconds. */
export function content(lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  for (let i = 0; i < lengthBytes; i++) bytes[i] = ((i * 7 + (i >>> 12) * 13) % 255) + 1;
  return bytes;
}

export function part(of: Uint8Array, { offset, length }: ByteRange): Uint8Array {
  return of.slice(offset, offset + length);
}

export function readAll(file: PmemFile): Uint8Array {
  const bytes = new Uint8Array(file.size);
  file.read(bytes, 0);
  return bytes;
}
