/** Files that the documents name in code spans, such as `core/src/faults/classify.ts`. */
import { existsSync } from 'node:fs';
import path from 'node:path';

const FOLDERS = '(?:packages/)?(?:core|native|mock|cli|examples)|e2e|scripts|docs|site|bench';
const NAMED = new RegExp(`\`((?:${FOLDERS})/[\\w./-]+\\.(?:ts|cc|h|mjs|md))\``, 'g');

/** Paths begin at the root, or in packages/. */
export function missingFiles(root, texts) {
  const findings = [];
  for (const [name, text] of texts) {
    if (!name.endsWith('.md') || name === 'CHANGELOG.md') continue;
    for (const [, file] of text.matchAll(NAMED)) {
      if (existsSync(path.join(root, file)) || existsSync(path.join(root, 'packages', file))) continue;
      findings.push(`${name}: names ${file}, and there is no such file`);
    }
  }
  return findings;
}
