import type { Options } from 'tsup';

/** What every published package shares: ESM, CJS and one declaration file for each. */
export const base: Options = {
  format: ['esm', 'cjs'],
  target: 'node20',
  sourcemap: true,
  clean: true,
  splitting: true,
  // tsup's own import.meta shim breaks on install paths that contain '#' or '?'.
  shims: false,
  // TypeScript 6 deprecates the baseUrl that tsup 8 sets while it builds declarations.
  dts: { compilerOptions: { ignoreDeprecations: '6.0' } },
  esbuildOptions(options) {
    options.logOverride = { 'empty-import-meta': 'silent' };
  },
};
