/** A driver over node:fs: see docs/guides/write-a-driver.md. */
export { nodeFsDriver } from './node-fs-driver.js';
export type { NodeFsOptions } from './node-fs-driver.js';
