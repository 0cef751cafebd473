/** Tables that a run of the benchmarks puts into docs/internals/performance.md, between comments that name them. */
import { readFileSync, writeFileSync } from 'node:fs';

/** Puts the table `name` between its comments. Throws if they are not there. */
export function putInPage(page, name, table) {
  const text = readFileSync(page, 'utf8');
  const begin = text.indexOf(`<!-- ${name}: `);
  const from = text.indexOf('-->', begin) + '-->'.length;
  const to = text.indexOf(`<!-- /${name} -->`);
  if (begin < 0 || to < from) throw new Error(`${page} has no place for the table of ${name}`);
  writeFileSync(page, `${text.slice(0, from)}\n${table}\n${text.slice(to)}`);
}
