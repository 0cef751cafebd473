/** The quickest way to read mapped memory on the Node.js that runs this. */
import { WINDOW_ACCESS_BYTES_MAX } from '../driver/driver.js';
import { LOADED_BYTES_MAX } from './load-words.js';

const MAJOR = Number(process.versions.node.split('.', 1)[0]);

/** The longest reads that are done in JavaScript; 0: none. */
export interface LeanReads {
  /** By Buffer.copy, or by words. */
  readonly copyBytesMax: number;
  /** By words. */
  readonly wordsBytesMax: number;
}

/**
 * Buffer.copy out of part of an array allocates nothing from Node 22 on; before, it makes an array of that part in
 * each call, and a call into the driver is faster. On Node 22 it takes 15 ns, and words take more; from 24 on 31 to 47.
 */
export const LEAN_READS: LeanReads = {
  copyBytesMax: MAJOR >= 22 ? WINDOW_ACCESS_BYTES_MAX : 0,
  wordsBytesMax: MAJOR >= 24 ? LOADED_BYTES_MAX : 0,
};
