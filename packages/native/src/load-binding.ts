/** Loads the one binary that this process needs. */
import { PmemError } from '@safe-pmem/core';
import shipped from '../binaries.cjs';
import { ADDON, targetOf } from '../scripts/target.mjs';
import { type Binding, INTERFACE_NUMBER } from './binding.js';
import { adviceFor, firstLine, foundAddon, namedAddon, refusal } from './find-addon.js';

const WHAT = 'the native binding';

export interface LoadOptions {
  /** The file to load, absolute or relative to the working directory; otherwise the package's own is found. */
  readonly binary?: string | undefined;
  /** A package other than this one: for tests. */
  readonly packageFolder?: string | undefined;
  readonly platform?: NodeJS.Platform;
  readonly target?: string;
}

/**
 * Loads the addon: `binary` if it is given; else, if the package was built from source here, that build; else the shipped
 * `binary/linux-<arch>-<libc>/safe-pmem.node`. Nothing else is tried after the one that was chosen.
 *
 * Throws PmemError: `ERR_PMEM_NOT_SUPPORTED` on anything but Linux; `ERR_PMEM_BINDING_MISSING` if the file is not there
 * or does not load, with the loader's own error as `cause`, or was built from other sources than this. `path` is the file.
 */
export function loadBinding(options: LoadOptions = {}): Binding {
  const { platform = process.platform } = options;
  if (platform !== 'linux') {
    throw new PmemError(
      'ERR_PMEM_NOT_SUPPORTED',
      `@safe-pmem/native runs on Linux only, and this is ${platform}; @safe-pmem/mock runs anywhere`,
    );
  }
  const { binary, packageFolder, target = targetOf() } = options;
  const candidate = binary === undefined ? foundAddon(ADDON, shipped, target, packageFolder) : namedAddon(binary);
  const { file, load } = candidate;
  let binding: Binding;
  try {
    binding = load() as Binding;
  } catch (cause) {
    throw refusal(WHAT, target, file, firstLine(cause), adviceFor(cause, target in shipped, ADVICE_WITHOUT_FILE), cause);
  }
  if (binding.interfaceNumber === INTERFACE_NUMBER) return binding;
  if (candidate.isLiteral === true && binding.interfaceNumber === undefined) {
    throw refusal(WHAT, target, file, 'a bundler has put something else in its place', ADVICE_FOR_BUNDLES);
  }
  const reason = `it was built from other sources: its interface is ${binding.interfaceNumber ?? 'unknown'}, and not ${INTERFACE_NUMBER}`;
  const advice = 'Use the binary of the same version of the package, or build it: npx safe-pmem-build';
  throw refusal(WHAT, target, file, reason, advice);
}

const ADVICE_WITHOUT_FILE =
  'A bundle or a single executable has to carry the file of the package and name it: nativeDriver({ binary })';

const ADVICE_FOR_BUNDLES =
  'With esbuild, copy it: --loader:.node=copy. With others, leave @safe-pmem/native out of the bundle, ' +
  'or name the file: nativeDriver({ binary })';
