/** Finds the file of an addon in this package, and says what to do if it does not load. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { PmemError } from '@safe-pmem/core';
import { localBinary, shippedBinary } from '../scripts/target.mjs';
import { ownFolder, self } from './own-folder.js';

const require = createRequire(self);

/** One file and the way to load it. */
export interface Candidate {
  readonly file: string;
  readonly load: () => unknown;
  /** A bundler sees the require, and may put something else in its place. */
  readonly isLiteral?: boolean;
}

/** By target, a literal require of the shipped binary. */
export type ShippedAddon = Readonly<Record<string, (() => unknown) | undefined>>;

export function namedAddon(binary: string): Candidate {
  const file = path.resolve(binary);
  return { file, load: (): unknown => require(file) };
}

/**
 * The build from source if there is one here, else the shipped binary of `addon`. `otherFolder` is a package other than
 * this one, for tests.
 */
export function foundAddon(addon: string, shipped: ShippedAddon, target: string, otherFolder?: string): Candidate {
  const packageFolder = otherFolder ?? ownFolder;
  const local = localBinary(packageFolder, target, addon);
  // A build from source that failed leaves its folder: the shipped binary would be other code than was asked for.
  if (existsSync(path.dirname(local))) return { file: local, load: (): unknown => require(local) };
  const file = shippedBinary(packageFolder, target, addon);
  if (otherFolder !== undefined) return { file, load: (): unknown => require(file) };
  const load = shipped[target] ?? (() => { throw new Error('no binary is shipped for this platform'); });
  return { file, load, isLiteral: true };
}

export function firstLine(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split('\n', 1)[0] ?? '';
}

/** Says what to do about what `require` threw; `forBundles` if a shipped binary is not where it belongs. */
export function adviceFor(cause: unknown, isShipped: boolean, forBundles: string): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'ERR_DLOPEN_DISABLED') return 'Start node with --allow-addons as well';
  if (code === 'ERR_ACCESS_DENIED') return 'Start node with --allow-fs-read=<this file> as well';
  if (code === 'MODULE_NOT_FOUND' && isShipped) {
    return `${forBundles}. In an installation, install the package again, or build it from source: npx safe-pmem-build`;
  }
  return 'Build it from source: npx safe-pmem-build';
}

/** ERR_PMEM_BINDING_MISSING for `what`, an addon. */
export function refusal(
  what: string, target: string, file: string, reason: string, advice: string, cause?: unknown,
): PmemError {
  const message = `${what} could not be loaded for ${target} (${reason}). ${advice}. Looked at`;
  return new PmemError('ERR_PMEM_BINDING_MISSING', message, { path: file, cause });
}
