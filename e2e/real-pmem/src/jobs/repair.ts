/** What stands on the driver, on a real DAX filesystem with real poison, under node:test. */
import '../repair/pmem-file.js';
import '../repair/grabbed-block.js';
import '../repair/write-ahead-log.js';
import '../repair/replicated-log.js';
import '../repair/paged-store.js';
import '../repair/level-store.js';
