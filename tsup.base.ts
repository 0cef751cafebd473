import type { Options } from 'tsup';

/** What every published package shares: ESM and CJS. Declarations are built by scripts/build-types.mjs. */
export const base: Options = {
  format: ['esm', 'cjs'],
  target: 'node20',
  sourcemap: true,
  // Declarations are cleaned by what builds them.
  clean: ['!**/*.d.{ts,cts}'],
  splitting: true,
  // tsup's own import.meta shim breaks on install paths that contain '#' or '?'.
  shims: false,
  esbuildOptions(options) {
    options.logOverride = { 'empty-import-meta': 'silent' };
  },
};
