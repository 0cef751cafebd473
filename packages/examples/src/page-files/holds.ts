/** Whether a page of a file already holds the bytes that a repair is to put there. */
import type { PmemFile } from '@safe-pmem/core';
import { reasonIn } from './damage-reason.js';

/** True if the bytes at `position` can be read and are `wanted`. Throws what is no damage, such as a closed file. */
export function holds(file: PmemFile, position: number, wanted: Uint8Array): boolean {
  if (position + wanted.length > file.size) return false;
  const bytes = new Uint8Array(wanted.length);
  try {
    file.read(bytes, position);
  } catch (error) {
    if (reasonIn(error) === undefined) throw error;
    return false;
  }
  return Buffer.compare(bytes, wanted) === 0;
}
