import { defineConfig } from 'tsup';
import { base } from '../../tsup.base.js';

export default defineConfig({
  ...base,
  format: ['esm'],
  entry: {
    'files/index': 'src/files/index.ts',
    'wal/index': 'src/wal/index.ts',
    'pages/index': 'src/pages/index.ts',
    'level/index': 'src/level/index.ts',
    'replicated/index': 'src/replicated/index.ts',
    'exporter/index': 'src/exporter/index.ts',
    'node-fs/index': 'src/node-fs/index.ts',
    'demo/index': 'src/demo/index.ts',
  },
});
