import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { memoryErrorsFile, readRecordings, readTraces } from '../src/matrix-page/files.js';
import { describeSeen, memoryErrorsPage } from '../src/matrix-page/memory-errors-page.js';

const tree = fileURLToPath(new URL('../../..', import.meta.url));

describe('docs/reference/memory-errors.md', () => {
  it('is what the recordings say: npm run docs:kernel-matrix', () => {
    expect(readFileSync(memoryErrorsFile(tree), 'utf8')).toBe(memoryErrorsPage(readTraces(tree), readRecordings(tree)));
  });

  it('changes where a recording changes', () => {
    const changed = readRecordings(tree).map((recording) => ({
      ...recording, cases: recording.cases.map(({ name, observed }) => ({ name, observed: name === 'consumed by number' ? { ...observed, outcome: 'no error' } : observed })),
    }));
    expect(memoryErrorsPage(readTraces(tree), changed)).toMatch(/\| `readUInt32LE\(\)` \| no error \|/);
  });

  it('does not leave a row out without a word', () => {
    const [recording] = readRecordings(tree);
    if (recording === undefined) throw new Error('there is no recording');
    const without = { ...recording, cases: recording.cases.filter(({ name }) => name !== 'repair') };
    expect(() => memoryErrorsPage([], [without])).toThrow(/does not say "repair\(\)" of the case "repair"/);
  });
});

describe('what was seen, in words', () => {
  it.each([
    ['oooooooooooooooo', 'everything'],
    ['512o', 'everything'],
    ['oooooMoooooooooo', 'all but that page (MediaError)'],
    ['oooooF506o', 'all but that page (EFAULT)'],
    // Never to be called anything nicer: other bytes, and an error that should not be.
    ['ooooo?oooooooooo', 'ooooo?oooooooooo'],
    ['ooooMMoooooooooo', 'ooooMMoooooooooo'],
    ['ERR_PMEM_MEDIA by sigbus, page 5', 'MediaError of that page'],
    ['ERR_PMEM_MEDIA by known, page 5', 'MediaError of that page (known)'],
    ['ERR_PMEM_MEDIA by sigbus, page 4-6', 'ERR_PMEM_MEDIA by sigbus, page 4-6'],
    ['page 5', 'that page'],
    ['no error', 'no error'],
  ])('%s: %s', (seen, words) => {
    expect(describeSeen(seen)).toBe(words);
  });
});
