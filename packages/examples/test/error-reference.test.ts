import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { LossError } from '../src/level/loss-error.js';
import { LostKeysError, PagesError } from '../src/pages/index.js';
import { ReplicatedError } from '../src/replicated/index.js';
import { WalError } from '../src/wal/index.js';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const REFERENCE = 'docs/reference/errors.md';
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** Files that declare codes, and what makes an error of one. */
const given = ['/pmem/log', 'it failed', new Error('why')] as const;
const families = [
  ['wal/wal-error', (code: string) => new WalError(code as WalError['code'], ...given)],
  ['pages/pages-error', (code: string) => new PagesError(code as PagesError['code'], ...given)],
  ['replicated/replicated-error', (code: string) => new ReplicatedError(code as ReplicatedError['code'], ...given)],
] as const;

const declared = (file: string): string[] =>
  [...read(`packages/examples/src/${file}.ts`).matchAll(/^ {2}\| '(ERR_\w+)'/gm)].map(([, code]) => code as string);

const LEVEL_CODES = ['LEVEL_CORRUPTION', 'LEVEL_LOCKED'];

describe('the error reference', () => {
  test('has a heading for each code of an engine, and no other', () => {
    const headings = [...read(REFERENCE).matchAll(/^### (\w+)$/gm)].map(([, code]) => code);
    const codes = [...families.flatMap(([file]) => declared(file)), ...LEVEL_CODES];
    expect(codes.length).toBeGreaterThan(30);
    expect(headings.sort()).toEqual(codes.sort());
  });

  test.each(families)('is where each error of %s leads', (file, failed) => {
    for (const code of declared(file)) {
      const error = failed(code);
      expect(error.help).toMatch(new RegExp(`/blob/main/${REFERENCE}#${code.toLowerCase()}$`));
      const message = "it failed: '/pmem/log'";
      expect(error).toMatchObject({ code, path: '/pmem/log', message, cause: { message: 'why' } });
      expect(inspect(error)).toContain(error.help);
    }
  });

  test('is where errors of lost keys lead', () => {
    const lost = new LostKeysError('/pmem/db', Buffer.from('a'), undefined, new Error('poison'));
    expect(lost).toMatchObject({ name: 'LostKeysError', code: 'ERR_PAGES_LOST', path: '/pmem/db' });
    expect(lost.help).toMatch(/#err_pages_lost$/);
    expect(new LossError(lost)).toMatchObject({ message: lost.message, path: '/pmem/db', cause: lost.cause });
    expect(new LossError(lost).help).toMatch(/#level_corruption$/);
  });
});

describe('an error without a file', () => {
  test('names none', () => {
    const error = new ReplicatedError('ERR_REPLICATED_SERVER', undefined, 'no answer');
    expect(error).toMatchObject({ path: undefined, message: 'no answer' });
  });
});
