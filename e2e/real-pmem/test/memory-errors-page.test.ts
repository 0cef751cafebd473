import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { memoryErrorsFile, readRecordings, readTraces } from '../src/matrix-page/files.js';
import type { MachineCheckRecording } from '../src/machine-check/recording.js';
import { memoryErrorSections } from '../src/matrix-page/memory-error-rows.js';
import { describeSeen, memoryErrorsPage } from '../src/matrix-page/memory-errors-page.js';

const tree = fileURLToPath(new URL('../../..', import.meta.url));

/** A recording that answers every row with `seen`, but for what is given. */
function recordingOf(bus: 'e820' | 'NFIT', seen: Readonly<Record<string, string>>): MachineCheckRecording {
  const cases = new Map<string, Record<string, string>>();
  for (const { case: name, observed } of memoryErrorSections.flatMap(({ rows }) => rows)) {
    cases.set(name, { ...cases.get(name), [observed]: seen[observed] ?? 'seen' });
  }
  const device = bus === 'e820' ? 'clearable' : 'unclearable';
  return {
    format: 1, subject: { kernel: '6.12', kernelVersion: 'Linux', filesystem: 'ext4', device }, cases: [...cases].map(([name, observed]) => ({ name, observed })),
  };
}

describe('docs/reference/memory-errors.md', () => {
  it('is what the recordings say: npm run docs:kernel-matrix', () => {
    expect(readFileSync(memoryErrorsFile(tree), 'utf8')).toBe(memoryErrorsPage(readTraces(tree), readRecordings(tree)));
  });

  it('has a column for each recording, in the words of whoever reads it', () => {
    const text = memoryErrorsPage([], [recordingOf('e820', {}), recordingOf('NFIT', { 'badBlocks()': 'page 5' })]);
    expect(text).toContain('|  | 6.12 ext4, e820 | 6.12 ext4, NFIT |');
    expect(text).toContain('| `readUInt32LE()` | seen | seen |');
    expect(text).toContain('| `badBlocks()` | seen | that page |');
  });

  it('does not leave a row out without a word', () => {
    const recording = recordingOf('e820', {});
    const without = { ...recording, cases: recording.cases.filter(({ name }) => name !== 'repair') };
    expect(() => memoryErrorsPage([], [without])).toThrow(/does not say "repair\(\)" of the case "repair"/);
  });

  it('says so where nothing is recorded', () => {
    expect(memoryErrorsPage([], [])).toContain('Nothing is recorded yet');
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
    ['ERR_PMEM_REPAIR_FAILED ()', 'ERR_PMEM_REPAIR_FAILED (nothing was tried)'],
    ['ERR_PMEM_MEDIA by errno, page 5', 'MediaError of that page (errno)'],
  ])('%s: %s', (seen, words) => {
    expect(describeSeen(seen)).toBe(words);
  });
});
