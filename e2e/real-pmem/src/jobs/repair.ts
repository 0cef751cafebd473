/** What stands on the driver, on a real DAX filesystem with real poison, under node:test. */
import '../repair/persistence.js';
import '../repair/pmem-file.js';
import '../repair/grabbed-block.js';
import '../repair/write-ahead-log.js';
