/** Copies docs/ for the site: links that leave docs/ become absolute, sequence diagrams become SVG, `docs/index.md` is the front page. */
import { cpSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { sequenceSvg } from './sequence-svg.mjs';

const REPOSITORY = 'https://github.com/safe-pmem/safe-pmem/blob/main/';

/** Returns how many pages it wrote to `target`. */
export function stagePages(root, target) {
  const docs = path.join(root, 'docs');
  let count = 0;
  for (const name of readdirSync(docs, { recursive: true })) {
    const source = path.join(docs, name);
    if (!statSync(source).isFile()) continue;
    const copy = path.join(target, name.replace(/README\.md$/, 'index.md'));
    mkdirSync(path.dirname(copy), { recursive: true });
    if (!name.endsWith('.md')) {
      cpSync(source, copy);
      continue;
    }
    writeFileSync(copy, staged(root, source, readFileSync(source, 'utf8')));
    count++;
  }
  return count;
}

function staged(root, source, text) {
  const drawn = text.replace(/^```mermaid\n(sequenceDiagram\n[\s\S]*?)^```$/gm, (_, diagram) => sequenceSvg(diagram));
  return drawn.replace(/\]\(([^()\s:#]+)(#[^()\s]*)?\)/g, (whole, link, anchor = '') => {
    const file = path.relative(root, path.resolve(path.dirname(source), link));
    if (file.startsWith('docs/')) return whole.replace(/README\.md/, 'index.md');
    return `](${REPOSITORY}${file}${anchor})`;
  });
}
