import { defineConfig } from 'tsup';
import { base } from '../../tsup.base.js';

// With splitting, tsup derives the CommonJS build from the ESM one and leaves import.meta in it: a syntax error there.
export default defineConfig({
  ...base,
  splitting: false,
  external: ['../binaries.cjs', '../testing-binaries.cjs'],
  entry: { index: 'src/index.ts', testing: 'src/testing/index.ts' },
});
