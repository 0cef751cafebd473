import { defineConfig } from 'tsup';
import { base } from '../../tsup.base.js';

export default defineConfig({
  ...base,
  format: ['esm'],
  entry: { 'wal/index': 'src/wal/index.ts', 'demo/index': 'src/demo/index.ts' },
});
