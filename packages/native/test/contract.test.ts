import { rmSync, statfsSync, truncateSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { CompleteFile } from '@safe-pmem/core';
import type { DriverSupport } from '@safe-pmem/core/contract';
import { driverContract } from '@safe-pmem/core/contract';
import { describe, it } from 'vitest';
import { nativeDriver } from '../src/index.js';
import { filesystemName } from '../src/filesystem-name.js';
import { poison, sendAdvisory } from './fault-injector.mjs';
import { closeBehind, withoutDescriptors } from './refusals.js';
import { makeFolder, packageFolder, PAGE } from './scratch.js';

/** What the kernel's filesystems can do, from their own sources; a claim that does not hold fails a test. */
function diskSupport(): DriverSupport {
  const filesystem = filesystemName(statfsSync(packageFolder).type);
  const likeExt4 = ['ext4', 'xfs', 'btrfs', 'f2fs', 'overlayfs'].includes(filesystem);
  return {
    poison: 'none',
    recoveryWrite: false,
    repair: true,
    zeroRange: likeExt4,
    extents: likeExt4,
    badBlocks: false,
    refusals: true,
    sparseFileBytes: 6 * 1024 ** 3,
    pageBytes: PAGE,
  };
}

/** stat(2) and /proc/self/maps name a file by the same device: not on btrfs and overlayfs, which have no DAX either. */
function isNamedAlike(folder: string): boolean {
  return ['ext4', 'xfs', 'f2fs', 'tmpfs'].includes(filesystemName(statfsSync(folder).type));
}

function announce(file: CompleteFile, offset: number): void {
  sendAdvisory(file.facts.path, offset);
}

const onTmpfs: DriverSupport = {
  poison: 'mapping',
  recoveryWrite: false,
  // pwrite does not meet the poison, and remap drops it with the page-table entry.
  repair: true,
  zeroRange: false,
  extents: false,
  badBlocks: false,
  refusals: true,
  sparseFileBytes: 6 * 1024 ** 3,
  pageBytes: PAGE,
};

for (const [where, supports] of [['disk', diskSupport()], ['tmpfs', onTmpfs]] as const) {
  driverContract({
    describe,
    it,
    name: `native on ${where}`,
    supports,
    machine: () => {
      const folder = makeFolder(where);
      return {
        driver: nativeDriver(),
        path: (name) => path.join(folder, name),
        makeDirectory: async (name) => {
          await mkdir(path.join(folder, name));
          return path.join(folder, name);
        },
        poison: (file, range) => { poison(file.facts.path, range.offset, range.length); },
        ...(isNamedAlike(folder) && { announce }),
        truncate: truncateSync,
        withoutDescriptors,
        failClose: (file) => { closeBehind(file.facts.path); },
        dispose: () => { rmSync(folder, { recursive: true, force: true }); },
      };
    },
  });
}
