/** Finds and loads the one binary of this package. */
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { PmemError } from '@safe-pmem/core';
import { binaryPath } from '../scripts/binary-path.mjs';
import { type Binding, INTERFACE_NUMBER } from './binding.js';

// Sources and built files are both one level below the package. The CommonJS build has `__filename`, and so has all that
// `node -e` imports, where it is no path; import.meta.url is a URL, in which '#', '?' and '%' of an installation's path
// are escaped.
const self = typeof __filename === 'string' && path.isAbsolute(__filename) ? __filename : fileURLToPath(import.meta.url);
const require = createRequire(self);

/**
 * Loads the addon from its only place, `binary/linux-<arch>-<libc>/safe-pmem.node`; nothing else is tried, so what runs
 * is what was built last.
 *
 * Throws PmemError: `ERR_PMEM_NOT_SUPPORTED` on anything but Linux; `ERR_PMEM_BINDING_MISSING` where the binary is not
 * there or does not load, with the loader's own error as `cause`, or was built from other sources than this.
 */
export function loadBinding(
  packageFolder: string = path.resolve(self, '..', '..'),
  platform: NodeJS.Platform = process.platform,
): Binding {
  if (platform !== 'linux') {
    throw new PmemError(
      'ERR_PMEM_NOT_SUPPORTED',
      `@safe-pmem/native runs on Linux only, and this is ${platform}; @safe-pmem/mock runs anywhere`,
    );
  }
  const binary = binaryPath(packageFolder);
  const refuse = (reason: string | undefined, cause?: unknown): PmemError =>
    new PmemError(
      'ERR_PMEM_BINDING_MISSING',
      `the native binding could not be loaded for ${path.basename(path.dirname(binary))} (${reason}). ` +
        'Build it with: npm explore @safe-pmem/native -- npm run build-native. Looked at',
      { path: binary, cause },
    );
  let binding;
  try {
    binding = require(binary) as Binding;
  } catch (cause) {
    throw refuse(cause instanceof Error ? cause.message.split('\n', 1)[0] : String(cause), cause);
  }
  if (binding.interfaceNumber === INTERFACE_NUMBER) return binding;
  throw refuse(`it was built from other sources: its interface is ${binding.interfaceNumber ?? 'unknown'}, and not ${INTERFACE_NUMBER}`);
}
