import { mkdirSync, mkdtempSync, realpathSync, rmSync, truncateSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ContractMachine, DriverSupport } from '@safe-pmem/core/contract';
import { driverContract } from '@safe-pmem/core/contract';
import { afterAll, beforeAll, describe, it, vi } from 'vitest';
import { nodeFsDriver } from '../../src/node-fs/index.js';
import { installBadDisk, makeBad, makeGood } from './bad-disk.js';

beforeAll(installBadDisk);
afterAll(() => { vi.restoreAllMocks(); });

const withoutLocks: DriverSupport = {
  poison: 'none',
  recoveryWrite: false,
  repair: false,
  zeroRange: false,
  extents: false,
  badBlocks: false,
  views: false,
  locks: false,
  sparseFileBytes: 6 * 2 ** 30,
};

const alone: DriverSupport = {
  ...withoutLocks, poison: 'medium', recoveryWrite: true, storesClear: true, repair: true, locks: true,
};

function machine(soleProcess: boolean): ContractMachine {
  const folder = mkdtempSync(path.join(realpathSync(os.tmpdir()), 'safe-pmem-node-fs-'));
  return {
    driver: nodeFsDriver({ soleProcess }),
    path: (name) => path.join(folder, name),
    makeDirectory: (name) => {
      mkdirSync(path.join(folder, name));
      return path.join(folder, name);
    },
    poison: ({ facts }, { offset, length }) => { makeBad(facts.path, offset, length); },
    truncate: truncateSync,
    dispose: () => {
      makeGood();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

driverContract({ describe, it, name: 'node:fs', supports: withoutLocks, machine: () => machine(false) });
driverContract({ describe, it, name: 'node:fs, one process', supports: alone, machine: () => machine(true) });
