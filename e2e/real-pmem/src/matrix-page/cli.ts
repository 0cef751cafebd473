/** `npm run docs:kernel-matrix`: writes the page anew. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { pageFile, readTraces } from './files.js';
import { kernelMatrixPage } from './page.js';

const tree = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..', '..', '..');
writeFileSync(pageFile(tree), kernelMatrixPage(readTraces(tree)));
process.stdout.write(`${path.relative(process.cwd(), pageFile(tree))}\n`);
