/** Loads the addon that makes faults. It is no part of what applications run with. */
import { PmemError } from '@safe-pmem/core';
import { targetOf, TESTING_ADDON } from '../scripts/target.mjs';
import shipped from '../testing-binaries.cjs';
import { adviceFor, firstLine, foundAddon, refusal } from './find-addon.js';

const WHAT = 'the addon that makes faults';

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
  const { file, load: loadFile } = foundAddon(TESTING_ADDON, shipped, target);
  let binding: Partial<TestingBinding>;
  try {
    binding = loadFile() as Partial<TestingBinding>;
  } catch (cause) {
    throw refusal(WHAT, target, file, firstLine(cause), adviceFor(cause, target in shipped, ADVICE_FOR_BUNDLES), cause);
  }
  if (typeof binding.canPoison === 'function') return binding as TestingBinding;
  throw refusal(WHAT, target, file, 'a bundler has put something else in its place', ADVICE_FOR_BUNDLES);
}

const ADVICE_FOR_BUNDLES =
  'With esbuild, copy it: --loader:.node=copy. With others, leave @safe-pmem/native out of the bundle of the tests';
