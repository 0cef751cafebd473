/** Zeroing whole blocks of the device on the way to a write. */
import type { Machine } from '../machine.js';

/** Blocks that a write may store to, or the errno of making them so. */
export type BlocksOutcome =
  | { readonly count: number; readonly errno: 0 }
  | { readonly count: 0; readonly errno: number };

/** Zeroes adjoining blocks through the block layer, clearing what is bad. False if the device cannot clear. */
export function zeroBlocks(machine: Machine, first: number, count: number): boolean {
  for (let block = first; block < first + count; block++) {
    const bad = machine.device.isKnownBad(block);
    if (bad && machine.device.clearKnown(block)) machine.step('cleared');
    if (!machine.device.writeZeros(block)) return false;
  }
  return true;
}
