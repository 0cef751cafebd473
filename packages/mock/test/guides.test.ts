/** The programs of the guides, as they stand there: each prints what the guide says. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const packageFolder = path.resolve(fileURLToPath(import.meta.url), '..', '..');

function blocksOf(guide: string, language: string): string[] {
  const text = readFileSync(path.resolve(packageFolder, '..', '..', 'docs', 'guides', guide), 'utf8');
  const pattern = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm');
  return [...text.matchAll(pattern)].map(([, block]) => block ?? '');
}

it.each(['a-file-in-production.md', 'test-with-the-mock.md'])('%s runs, and prints what it says', (guide) => {
  // Within the package, so that its packages are found.
  mkdirSync(path.join(packageFolder, 'build'), { recursive: true });
  const folder = mkdtempSync(path.join(packageFolder, 'build', 'guides-'));
  try {
    writeFileSync(path.join(folder, 'program.mjs'), blocksOf(guide, 'js').join('\n'));
    const printed = execFileSync(process.execPath, ['program.mjs'], { cwd: folder, encoding: 'utf8' });
    expect(printed).toBe(blocksOf(guide, 'text').join('\n'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
