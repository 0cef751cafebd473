/** Lines longer than .editorconfig allows: no file gets more of them than line-lengths.json says it has. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const LIMIT = 120;
const CODE = /\.(ts|mts|cts|mjs|cjs|js|cc|h)$/;

export function longLines(root, texts, accept) {
  const store = path.join(root, 'scripts/tidy/line-lengths.json');
  const allowed = existsSync(store) ? JSON.parse(readFileSync(store, 'utf8')) : {};
  const counts = {};
  for (const [name, text] of [...texts].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const count = CODE.test(name) ? text.split('\n').filter((line) => line.length > LIMIT).length : 0;
    if (count > 0) counts[name] = count;
  }
  if (accept) {
    writeFileSync(store, `${JSON.stringify(counts, null, 2)}\n`);
    return [];
  }
  return Object.entries(counts)
    .filter(([name, count]) => count > (allowed[name] ?? 0))
    .map(([name, count]) => `${name}: ${count} lines have more than ${LIMIT} columns, ${allowed[name] ?? 0} may`);
}
