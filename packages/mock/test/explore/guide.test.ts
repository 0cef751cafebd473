/** docs/guides/explore-your-engine.md, followed word for word: its files are run as they stand there. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IS_WHOLE } from '../share.js';

const packageFolder = path.resolve(import.meta.dirname, '..', '..');
const guide = readFileSync(path.join(packageFolder, '..', '..', 'docs', 'guides', 'explore-your-engine.md'), 'utf8');
const QUESTION = '    // What is missing here?\n';

/** The code between fences of this language, in order. */
function blocksOf(language: string): string[] {
  return [...guide.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'))].map((match) => match[1] ?? '');
}

/** The block whose first line names the file. */
function fileNamed(name: string): string {
  const found = blocksOf('js').filter((block) => block.startsWith(`// ${name}\n`));
  expect(found).toHaveLength(1);
  return found[0] ?? '';
}

describe('the guide', () => {
  const [found, clean, lost, counted] = blocksOf('text');
  let folder = '';

  beforeAll(() => {
    // Within the package, so that its packages are found.
    mkdirSync(path.join(packageFolder, 'build'), { recursive: true });
    folder = mkdtempSync(path.join(packageFolder, 'build', 'guide-'));
    for (const name of ['notes.mjs', 'explore.mjs', 'notes.test.mjs', 'interleave.mjs']) writeFileSync(path.join(folder, name), fileNamed(name));
  });

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  function explore(file = 'explore.mjs'): string {
    return execFileSync(process.execPath, [file], { cwd: folder, encoding: 'utf8' });
  }

  it('finds the planted bug, and says it in these words', () => {
    expect(explore()).toBe(found);
  });

  it('finds the visit that two processes lose, and nothing once each has bytes of its own', () => {
    expect(explore('interleave.mjs')).toBe(lost);
    const own = blocksOf('js').filter((block) => block.includes('const at =') && block.split('\n').length === 2);
    expect(own).toHaveLength(1);
    const shared = fileNamed('interleave.mjs');
    expect(shared.split('  const at = 0;\n')).toHaveLength(2);
    writeFileSync(path.join(folder, 'interleave.mjs'), shared.replace('  const at = 0;\n', own[0] ?? ''));
    expect(explore('interleave.mjs')).toBe(counted);
  });

  it('finds nothing, in any way, once the line is where the question was', () => {
    const engine = fileNamed('notes.mjs');
    expect(engine.split(QUESTION)).toHaveLength(2);
    const mended = blocksOf('js').filter((block) => block.includes('persist') && block.split('\n').length === 2);
    expect(mended).toHaveLength(1);
    writeFileSync(path.join(folder, 'notes.mjs'), engine.replace(QUESTION, mended[0] ?? ''));
    expect(explore()).toBe(clean);
  });

  // The same exploration once more, by the test of the guide.
  it.runIf(IS_WHOLE)('has a test that passes then', () => {
    const tests = execFileSync(process.execPath, ['--test', '--test-reporter=tap', 'notes.test.mjs'], { cwd: folder, encoding: 'utf8' });
    const passed = [...tests.matchAll(/^ *ok \d+ - (notes, .*)$/gm)].map(([, name]) => name);
    expect(passed).toEqual(['crash', 'fault, crash', 'poison, crash', 'poison, fault, crash'].map((way) => `notes, every ${way}`));
  });
});
