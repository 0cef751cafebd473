// node scripts/mutants/check.mjs
//
// Fails if the text of a mutant does not occur exactly once in its file, if its file is gone, if it changes nothing, or if
// two mutants share a description; if docs/internals/mutants.md is not what record.json says; or if another page states
// a number of mutants. It takes no test run, so it finds at once what a rework left behind.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mutants } from './all.mjs';
import { explained } from './explained.mjs';
import { current, isPageCurrent, readRecord } from './record.mjs';

const root = new URL('../../', import.meta.url);

function sourceOf(file) {
  try {
    return readFileSync(new URL(file, root), 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function wrongWith({ file, find, replace }) {
  const source = sourceOf(file);
  if (source === undefined) return 'its file is gone';
  const count = source.split(find).length - 1;
  if (count !== 1) return `its text occurs ${count} times`;
  return find === replace ? 'it changes nothing' : undefined;
}

const complaints = mutants.flatMap((mutant) => {
  const wrong = wrongWith(mutant);
  return wrong === undefined ? [] : [`${mutant.file}: ${mutant.what}: ${wrong}: ${JSON.stringify(mutant.find)}`];
});
const names = mutants.map(({ what }) => what);
for (const name of new Set(names.filter((what, index) => names.indexOf(what) !== index)))
  complaints.push(`two mutants are called: ${name}`);
for (const name of Object.keys(explained)) if (!names.includes(name)) complaints.push(`explained, but no mutant: ${name}`);
if (!isPageCurrent()) {
  const cure = 'npm run mutants -- --merge scripts/mutants/record.json';
  complaints.push(`docs/internals/mutants.md: is not what record.json says: ${cure}`);
}
const pages = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' }).trim().split('\n');
for (const name of pages) {
  if (name === 'docs/internals/mutants.md' || name === 'CHANGELOG.md') continue;
  const stated = /\b\d[\d,]*(?: of \d[\d,]*)? (?:mutants|killed)\b/.exec(sourceOf(name) ?? '')?.[0];
  if (stated !== undefined) complaints.push(`${name}: states '${stated}', which only docs/internals/mutants.md does`);
}
const { tests } = current(readRecord());
for (const complaint of complaints) console.error(complaint);
const untried = mutants.filter(({ what }) => tests[what] === undefined).length;
console.log(`${mutants.length} mutants, ${untried} of them without a result, ${complaints.length} complaints`);
process.exitCode = complaints.length > 0 ? 1 : 0;
