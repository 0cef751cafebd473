/**
 * npm run tidy: what no compiler sees. Prints one line for each finding, and fails if there is any.
 *
 * - links of Markdown files lead to files and headings that exist; READMEs that npm shows have absolute links only
 * - files that a Markdown file names in a code span exist
 * - every page of the documentation stands in the sidebar of the site
 * - every `npm run NAME` in a Markdown file is a script of the root or of a package
 * - no source file imports itself through others
 * - every export of a source file is used by another file (a test counts), or passed on by `export *`
 * - words that the glossary rules out, tables that are not here ("row 12"), and paths of one machine appear nowhere
 * - core, mock, the command and the examples build and are tested on macOS and Windows, as far as text shows it
 * - SAFE_PMEM_SEED sets the seed of every random run
 * - every public method of PmemFile, PmemView and mockDriver() has an example
 * - no folder gets more of the words that make a sentence hard to read than it had (plain-words.json), and no file of
 *   source longer lines (line-lengths.json); `--accept` takes today's
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { circles } from './circles.mjs';
import { deadExports } from './dead-exports.mjs';
import { missingExamples } from './examples.mjs';
import { deadLinks } from './links.mjs';
import { freeSeeds } from './seeds.mjs';
import { longLines } from './long-lines.mjs';
import { missingFiles } from './named-files.mjs';
import { hiddenPages } from './pages.mjs';
import { hardWords } from './plain-words.mjs';
import { unportable } from './portable.mjs';
import { strayWords } from './words.mjs';
import { unknownCommands } from './commands.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' });
const files = [...new Set(tracked.split('\n'))].filter((name) => name !== '');
const names = files.filter((name) => /\.(md|ts|mts|cts|mjs|cjs|js|json|cc|h|sh)$/.test(name));
const texts = new Map();
for (const name of names) {
  try {
    texts.set(name, readFileSync(path.join(root, name), 'utf8'));
  } catch (error) {
    if (error.code !== 'ENOENT') throw error; // deleted, and not committed yet
  }
}

const findings = [
  ...deadLinks(root, texts),
  ...unknownCommands(root, texts),
  ...missingFiles(root, texts),
  ...hiddenPages(texts),
  ...circles(texts),
  ...deadExports(texts),
  ...strayWords(texts),
  ...missingExamples(texts),
  ...hardWords(root, texts, process.argv.includes('--accept')),
  ...unportable(files, texts),
  ...freeSeeds(texts),
  ...longLines(root, texts, process.argv.includes('--accept')),
];
for (const finding of findings) console.error(finding);
console.log(`${texts.size} files, ${findings.length} findings`);
process.exitCode = findings.length === 0 ? 0 : 1;
