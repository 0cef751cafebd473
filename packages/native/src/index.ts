/** The production driver of safe-pmem. */
export { advisoryMemoryErrors, nativeDriver } from './native-driver.js';
