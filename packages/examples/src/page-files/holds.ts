/** Whether a page of a file already holds the bytes that a repair is to put there. */
import type { PmemFile } from '@safe-pmem/core';
import { reasonIn } from './damage-reason.js';

const PAGE_BYTES = 4096;
/** For whatever page is compared next: a page of its own for each costs more than the comparison. */
const room = new Uint8Array(PAGE_BYTES);

/** True if the bytes at `position` can be read and are `wanted`. Throws what is no damage, such as a closed file. */
export function holds(file: PmemFile, position: number, wanted: Uint8Array): boolean {
  if (position + wanted.length > file.size) return false;
  const bytes = wanted.length <= room.length ? room.subarray(0, wanted.length) : new Uint8Array(wanted.length);
  try {
    file.read(bytes, position);
  } catch (error) {
    if (reasonIn(error) === undefined) throw error;
    return false;
  }
  return Buffer.compare(bytes, wanted) === 0;
}
