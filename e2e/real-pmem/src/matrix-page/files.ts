/** Where the traces are, and the page that is made of them. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseTrace, type Trace } from '../scenarios/trace.js';

export function pageFile(tree: string): string {
  return path.join(tree, 'docs', 'reference', 'kernel-matrix.md');
}

export function readTraces(tree: string): Trace[] {
  const folder = path.join(tree, 'packages', 'mock', 'traces');
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return files.map((name) => parseTrace(readFileSync(path.join(folder, name), 'utf8')));
}
