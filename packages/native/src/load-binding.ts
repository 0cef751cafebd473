/** Finds and loads the one binary of this package. */
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { PmemError } from '@safe-pmem/core';
import { binaryPath } from '../scripts/binary-path.mjs';
import type { Binding } from './binding.js';

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
 * there or does not load, with the loader's own error as `cause`.
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
  try {
    return require(binary) as Binding;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n', 1)[0] : String(cause);
    throw new PmemError(
      'ERR_PMEM_BINDING_MISSING',
      `the native binding could not be loaded for ${path.basename(path.dirname(binary))} (${reason}). ` +
        'Build it with: npm explore @safe-pmem/native -- npm run build-native. Looked at',
      { path: binary, cause },
    );
  }
}
