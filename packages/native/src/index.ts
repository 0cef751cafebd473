/** The production driver of safe-pmem. */
export { advisoryMemoryErrors, nativeDriver } from './native-driver.js';
export type { NativeDriverOptions } from './native-driver.js';
