// dist/safe-pmem.1, from the same descriptions that --help prints. Run by `npm run build`, after tsup.
import { readFileSync, writeFileSync } from 'node:fs';
import { manPage } from '../dist/index.js';

const folder = new URL('..', import.meta.url);
const { version } = JSON.parse(readFileSync(new URL('package.json', folder), 'utf8'));
writeFileSync(new URL('dist/safe-pmem.1', folder), manPage(version));
