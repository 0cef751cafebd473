// Bundles the declarations of the package in the working folder, one file for each entry of its tsup.config.ts, beside
// the JavaScript that tsup builds. A command of its own, since tests need no declarations, and they take five times as
// long.
import { build } from 'tsup';

await build({
  dts: {
    only: true,
    // TypeScript 6 deprecates the baseUrl that tsup 8 sets while it builds declarations. What is marked @internal is no
    // part of them, and so neither is what only that refers to.
    compilerOptions: { ignoreDeprecations: '6.0', stripInternal: true },
    // A file without an export is no module, and may not add to the global names: one that several entries share loses
    // its own `export {}`.
    footer: 'export {};',
  },
});
