/** Commands that the documents tell the reader to run. */
import { readFileSync } from 'node:fs';
import path from 'node:path';

export function unknownCommands(root, texts) {
  const manifests = [...texts.keys()].filter((name) => /^(packages\/[^/]+\/|e2e\/[^/]+\/|bench\/)?package\.json$/.test(name));
  const scripts = new Set(
    manifests.flatMap((name) => Object.keys(JSON.parse(readFileSync(path.join(root, name), 'utf8')).scripts ?? {})),
  );
  const findings = [];
  for (const [name, text] of texts) {
    if (!name.endsWith('.md') || name === 'CHANGELOG.md') continue;
    for (const [, command] of text.matchAll(/\bnpm run ([a-z][\w:-]*)/g)) {
      if (!scripts.has(command)) findings.push(`${name}: 'npm run ${command}' is no script of any package.json`);
    }
  }
  return findings;
}
