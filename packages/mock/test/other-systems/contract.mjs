// The driver contract on the mock, as it is built, for node:test.
import { describe, it } from 'node:test';
import { driverContract } from '@safe-pmem/core/contract';
import { mockDriver } from '@safe-pmem/mock';

for (const filesystem of ['ext4', 'xfs']) {
  driverContract({
    describe,
    it,
    name: `${process.platform}, ${filesystem}`,
    supports: {
      poison: 'medium', recoveryWrite: true, repair: true, zeroRange: true, extents: true, badBlocks: true,
      sparseFileBytes: 6 * 2 ** 30,
    },
    machine: () => {
      const driver = mockDriver({ filesystem, capacityBytes: 2 ** 34 });
      return {
        driver,
        path: (name) => `/pmem/${name}`,
        makeDirectory: (name) => {
          driver.makeDirectory(`/pmem/${name}`);
          return `/pmem/${name}`;
        },
        poison: (file, range) => { driver.poison(file.facts.path, range); },
        truncate: (name, sizeBytes) => { driver.truncate(name, sizeBytes); },
        dispose: () => undefined,
      };
    },
  });
}
