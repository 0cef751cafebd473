/**
 * Real faults on scratch files, for the tests of an application: SIGBUS, reads that fail, a file cut off, a full disk.
 */
export { poisonableDriver } from './poisonable-driver.js';
export type { PoisonableDriver } from './poisonable-driver.js';
export { poisonSupport } from './poison.js';
export type { PoisonSupport } from './poison.js';
export { scratchFolder } from './scratch-folder.js';
export type { ScratchFolder } from './scratch-folder.js';
export { smallFilesystem } from './small-filesystem.js';
export type { SmallFilesystem } from './small-filesystem.js';
export { cutFile } from './cut-file.js';
