import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { MediaError } from '../src/index.js';

const at = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

describe('docs/reference/errors.md', () => {
  it('has one heading for each code, and no other', () => {
    const declared = [...at('packages/core/src/errors/errors.ts').matchAll(/^ {2}\| '(ERR_PMEM_\w+)'/gm)].map((match) => match[1]);
    const headings = [...at('docs/reference/errors.md').matchAll(/^## (ERR_PMEM_\w+)$/gm)].map((match) => match[1]);
    expect(declared.length).toBeGreaterThan(10);
    expect([...headings].sort()).toEqual([...declared].sort());
  });

  it('is where the link of an error leads, which is printed with it', () => {
    const error = new MediaError('read', 'known', { path: '/pmem/file', ranges: [{ offset: 0, length: 4096 }] });
    const [page, anchor] = error.help.split('#');
    expect(page?.endsWith('/blob/main/docs/reference/errors.md')).toBe(true);
    const headings = [...at('docs/reference/errors.md').matchAll(/^## (\w+)$/gm)];
    expect(headings.map(([, code]) => code?.toLowerCase())).toContain(anchor);
    expect(inspect(error)).toContain(error.help);
    expect(error.message).not.toContain('http');
  });
});
