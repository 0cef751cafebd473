import { Errno } from '@safe-pmem/core';
import { driverContract } from '@safe-pmem/core/contract';
import { describe, it } from 'vitest';
import type { KernelName } from '../src/index.js';
import { failNth, KERNEL_PROFILES, mockDriver } from '../src/index.js';
import { shareOf } from './share.js';

const kernels = Object.keys(KERNEL_PROFILES) as KernelName[];
const machines = [
  ...kernels.flatMap((kernel) =>
    (['ext4', 'xfs'] as const).map((filesystem) => ({ kernel, filesystem, clearable: true, pageBytes: 4096 })),
  ),
  { kernel: '6.12', filesystem: 'ext4', clearable: false, pageBytes: 4096 },
  { kernel: '6.12', filesystem: 'xfs', clearable: false, pageBytes: 4096 },
  { kernel: 'dax-zeroinit', filesystem: 'ext4', clearable: false, pageBytes: 4096 },
  { kernel: 'dax-zeroinit', filesystem: 'xfs', clearable: false, pageBytes: 4096 },
  // arm64 has pages of 16 and 64 KiB as well.
  { kernel: '6.12', filesystem: 'ext4', clearable: true, pageBytes: 16_384 },
  { kernel: '6.12', filesystem: 'xfs', clearable: true, pageBytes: 16_384 },
  { kernel: '6.12', filesystem: 'ext4', clearable: true, pageBytes: 65_536 },
  { kernel: '6.12', filesystem: 'xfs', clearable: true, pageBytes: 65_536 },
  { kernel: '6.12', filesystem: 'ext4', clearable: false, pageBytes: 65_536 },
] as const;

for (const { kernel, filesystem, clearable, pageBytes } of shareOf(machines)) {
  driverContract({
    describe,
    it,
    name: `mock of Linux ${kernel}, ${filesystem}, ${clearable ? '' : 'un'}clearable, pages of ${pageBytes / 1024} KiB`,
    supports: {
      poison: 'medium',
      // Whole-page writes clear since 5.19. Before that, auto repairs ext4 by zero-range and asks leave to relocate on xfs.
      recoveryWrite: clearable && kernel !== '5.10',
      repair: clearable && (filesystem === 'ext4' || kernel !== '5.10'),
      zeroRange: true,
      extents: true,
      badBlocks: true,
      refusals: true,
      sparseFileBytes: 6 * 2 ** 30,
      pageBytes,
    },
    machine: () => {
      const driver = mockDriver({ kernel, filesystem, clearable, pageBytes, capacityBytes: 2 ** 34 });
      return {
        driver,
        path: (name) => `/pmem/${name}`,
        makeDirectory: (name) => {
          driver.makeDirectory(`/pmem/${name}`);
          return `/pmem/${name}`;
        },
        poison: (file, range) => {
          driver.poison(file.facts.path, range);
        },
        announce: (file, offset) => {
          driver.poison(file.facts.path, { offset, length: 1 }, { announced: true });
        },
        truncate: (path, sizeBytes) => {
          driver.truncate(path, sizeBytes);
        },
        withoutDescriptors: async (body) => {
          const stop = driver.observe(failNth({ operation: 'open', nth: 1, errno: Errno.EMFILE, persistent: true }));
          try {
            await body();
          } finally {
            stop();
          }
        },
        failClose: (file) => {
          driver.observe(failNth({ operation: 'close', path: file.facts.path, nth: 1, errno: Errno.EIO }));
        },
        dispose: () => undefined,
      };
    },
  });
}
