/** A Level database on PmemFile. See README.md beside this file. */
export { LossError } from './loss-error.js';
export type { PmemIterator } from './pmem-iterator.js';
export { PmemLevel } from './pmem-level.js';
export type { PmemLevelOptions } from './pmem-level.js';
