/** `npm run docs:kernel-matrix`: writes both pages that are made of recordings. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { memoryErrorsFile, pageFile, readRecordings, readTraces } from './files.js';
import { memoryErrorsPage } from './memory-errors-page.js';
import { kernelMatrixPage } from './page.js';

const tree = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..', '..', '..');
const pages = [
  [pageFile(tree), kernelMatrixPage(readTraces(tree))],
  [memoryErrorsFile(tree), memoryErrorsPage(readTraces(tree), readRecordings(tree))],
] as const;
for (const [file, text] of pages) {
  writeFileSync(file, text);
  process.stdout.write(`${path.relative(process.cwd(), file)}\n`);
}
