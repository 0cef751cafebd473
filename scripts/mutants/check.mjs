// node scripts/mutants/check.mjs
//
// Fails if the text of a mutant does not occur exactly once in its file, if its file is gone, if it changes nothing, or if
// two mutants share a description. It takes no test run, so it finds at once what a rework left behind.
import { readFileSync } from 'node:fs';
import { coreMutants } from './core-mutants.mjs';
import { explained } from './explained.mjs';
import { mockMutants } from './mock-mutants.mjs';
import { repairMutants } from './repair-mutants.mjs';

const root = new URL('../../', import.meta.url);
const mutants = [...coreMutants, ...repairMutants, ...mockMutants];

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
for (const complaint of complaints) console.error(complaint);
console.log(`${mutants.length} mutants, ${complaints.length} complaints`);
process.exitCode = complaints.length > 0 ? 1 : 0;
