import { defineConfig } from 'tsup';
import { base } from '../../tsup.base.js';

export default defineConfig({
  ...base,
  entry: { index: 'src/index.ts', contract: 'contract/index.ts', tools: 'src/tools.ts' },
});
