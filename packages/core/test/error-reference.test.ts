import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const at = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

describe('docs/reference/errors.md', () => {
  it('has one heading for each code, and no other', () => {
    const declared = [...at('packages/core/src/errors/errors.ts').matchAll(/^ {2}\| '(ERR_PMEM_\w+)'/gm)].map((match) => match[1]);
    const headings = [...at('docs/reference/errors.md').matchAll(/^## (ERR_PMEM_\w+)$/gm)].map((match) => match[1]);
    expect(declared.length).toBeGreaterThan(10);
    expect([...headings].sort()).toEqual([...declared].sort());
  });
});
