/** Finds and loads the one binary that this process needs. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { PmemError } from '@safe-pmem/core';
import shipped from '../binaries.cjs';
import { localBinary, shippedBinary, targetOf } from '../scripts/target.mjs';
import { type Binding, INTERFACE_NUMBER } from './binding.js';
import { ownFolder, self } from './own-folder.js';

const require = createRequire(self);

/** One file and the way to load it. */
interface Candidate {
  readonly file: string;
  readonly load: () => unknown;
  /** A bundler sees the require, and may put something else in its place. */
  readonly isLiteral?: boolean;
}

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
  const target = options.target ?? targetOf();
  const candidate = options.binary === undefined ? found(target, options.packageFolder) : named(options.binary);
  const { file, load } = candidate;
  let binding: Binding;
  try {
    binding = load() as Binding;
  } catch (cause) {
    throw refusal(target, file, firstLine(cause), adviceFor(cause, target), cause);
  }
  if (binding.interfaceNumber === INTERFACE_NUMBER) return binding;
  if (candidate.isLiteral === true && binding.interfaceNumber === undefined) {
    throw refusal(target, file, 'a bundler has put something else in its place', ADVICE_FOR_BUNDLES);
  }
  const reason = `it was built from other sources: its interface is ${binding.interfaceNumber ?? 'unknown'}, and not ${INTERFACE_NUMBER}`;
  throw refusal(target, file, reason, 'Use the binary of the same version of the package, or build it: npx safe-pmem-build');
}

const ADVICE_FOR_BUNDLES =
  'With esbuild, copy it: --loader:.node=copy. With others, leave @safe-pmem/native out of the bundle, ' +
  'or name the file: nativeDriver({ binary })';

function named(binary: string): Candidate {
  const file = path.resolve(binary);
  return { file, load: (): unknown => require(file) };
}

function found(target: string, otherFolder: string | undefined): Candidate {
  const packageFolder = otherFolder ?? ownFolder;
  const local = localBinary(packageFolder, target);
  // A build from source that failed leaves its folder: the shipped binary would be other code than was asked for.
  if (existsSync(path.dirname(local))) return { file: local, load: (): unknown => require(local) };
  const file = shippedBinary(packageFolder, target);
  if (otherFolder !== undefined) return { file, load: (): unknown => require(file) };
  const load = shipped[target] ?? (() => { throw new Error('no binary is shipped for this platform'); });
  return { file, load, isLiteral: true };
}

function firstLine(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split('\n', 1)[0] ?? '';
}

function adviceFor(cause: unknown, target: string): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'ERR_DLOPEN_DISABLED') return 'Start node with --allow-addons as well';
  if (code === 'ERR_ACCESS_DENIED') return 'Start node with --allow-fs-read=<this file> as well';
  if (code === 'MODULE_NOT_FOUND' && target in shipped) {
    return (
      'A bundle or a single executable has to carry the file of the package and name it: nativeDriver({ binary }). ' +
      'In an installation, install the package again, or build it from source: npx safe-pmem-build'
    );
  }
  return 'Build it from source: npx safe-pmem-build';
}

function refusal(target: string, file: string, reason: string, advice: string, cause?: unknown): PmemError {
  const message = `the native binding could not be loaded for ${target} (${reason}). ${advice}. Looked at`;
  return new PmemError('ERR_PMEM_BINDING_MISSING', message, { path: file, cause });
}
