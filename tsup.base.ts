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
  // TypeScript 6 deprecates the baseUrl that tsup 8 sets while it builds declarations. What is marked @internal is no part
  // of them, and so neither is what only that refers to. A file without an export is no module, and may not add to the
  // global names: one that several entries share loses its own `export {}`.
  dts: { compilerOptions: { ignoreDeprecations: '6.0', stripInternal: true }, footer: 'export {};' },
  esbuildOptions(options) {
    options.logOverride = { 'empty-import-meta': 'silent' };
  },
};
