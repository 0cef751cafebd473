/** Finds and loads the addon that makes faults. It is no part of what applications run with. */
import { createRequire } from 'node:module';
import { PmemError } from '@safe-pmem/core';
import { binaryPath, targetOf, TESTING_ADDON } from '../scripts/target.mjs';
import { ownFolder, self } from './own-folder.js';

export interface PoisonOutcome {
  /** 0, or the errno of `call`. */
  readonly errno: number;
  readonly call: string;
  /** Mappings of the range that this process has. */
  readonly mappings: number;
}

export interface TestingBinding {
  poison(path: string, offset: number, length: number): PoisonOutcome;
  canPoison(): PoisonOutcome;
}

let loaded: TestingBinding | undefined;

/** Throws PmemError as `nativeDriver()` does: ERR_PMEM_NOT_SUPPORTED or ERR_PMEM_BINDING_MISSING. */
export function loadTesting(): TestingBinding {
  loaded ??= load();
  return loaded;
}

function load(): TestingBinding {
  if (process.platform !== 'linux') {
    const message = `@safe-pmem/native/testing makes faults on Linux only, and this is ${process.platform}`;
    throw new PmemError('ERR_PMEM_NOT_SUPPORTED', `${message}; mockDriver().poison() makes them anywhere`);
  }
  const target = targetOf();
  const file = binaryPath(ownFolder, target, TESTING_ADDON);
  try {
    return createRequire(self)(file) as TestingBinding;
  } catch (cause) {
    const message = `the addon that makes faults could not be loaded for ${target}. Build it: npx safe-pmem-build`;
    throw new PmemError('ERR_PMEM_BINDING_MISSING', message, { path: file, cause });
  }
}
